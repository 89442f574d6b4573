// SPDX-License-Identifier: BSD-3-Clause
// UDP segmentation (udp(7), UDP_SEGMENT): one send, many datagrams, cut by the device when
// tx-udp-segmentation is on.
#include "core/error.hpp"
#include "nic/checks/capture.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/rig.hpp"
#include "nic/checks/segments.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace pagewire::nic {

namespace {

constexpr int kNumSends = 8;
constexpr std::uint16_t kSegmentBytes = 1100;
constexpr std::size_t kSendBytes = 40 * kSegmentBytes + 123; // the last one is shorter

constexpr std::size_t kNumEach = (kSendBytes + kSegmentBytes - 1) / kSegmentBytes;
constexpr std::size_t kNumDatagrams = kNumEach * kNumSends;

/// What comes out of the far socket. By then all of it has passed both taps.
std::vector<Datagram> receive_datagrams(UdpPair& pair)
{
    std::vector<Datagram> datagrams;
    while (auto datagram = pair.receive(datagrams.size() < kNumDatagrams ? kArrival : kQuiet))
        datagrams.push_back(std::move(*datagram));
    return datagrams;
}

/// Datagrams may come in any order, but each whole, once, and with its own octets.
void judge_datagrams(const std::vector<Datagram>& datagrams, const std::string& what,
                     Judgement& judgement)
{
    std::vector<int> num_arrived(kNumDatagrams);
    for (const Datagram& datagram : datagrams) {
        const auto found = std::find_if(num_arrived.begin(), num_arrived.end(), [&](int& number) {
            const auto index = static_cast<std::size_t>(&number - num_arrived.data());
            const std::size_t in_send = index % kNumEach * kSegmentBytes;
            const std::size_t bytes = std::min<std::size_t>(kSegmentBytes, kSendBytes - in_send);
            return datagram.octets.size() == bytes &&
                   !find_mismatch(datagram.octets, index / kNumEach * kSendBytes + in_send);
        });
        if (found == num_arrived.end()) {
            judgement.fail(fmt::format("{}: a datagram of {} octets that was not sent", what,
                                       datagram.octets.size()),
                           datagram.octets);
            return;
        }
        ++*found;
    }
    const auto num_missing = std::count(num_arrived.begin(), num_arrived.end(), 0);
    if (num_missing > 0)
        judgement.fail(fmt::format("{}: {} of {} datagrams did not arrive", what, num_missing,
                                   num_arrived.size()));
    else if (std::any_of(num_arrived.begin(), num_arrived.end(), [](int n) { return n > 1; }))
        judgement.fail(fmt::format("{}: a datagram arrived twice", what));
}

SegmentCounts try_state(Rig& rig, IpVersion version, const std::string& arm, Judgement& judgement)
{
    const std::string what = fmt::format("IPv{}, {}", static_cast<int>(version), arm);
    UdpPair pair(rig, version);
    Capture near(rig.near.netns, rig.near.interface);
    Capture far(rig.far.netns, rig.far.interface);
    std::vector<std::byte> octets(kSendBytes);
    for (std::uint64_t i = 0; i < kNumSends; ++i) {
        fill_pattern(octets, i * kSendBytes);
        if (const int error = pair.send(octets, kSegmentBytes); error != 0)
            judgement.fail(fmt::format("{}: send: {}", what, core::errno_text(error)));
    }
    const std::vector<Datagram> datagrams = receive_datagrams(pair);
    const auto given = near.take(packets_of(IPPROTO_UDP, pair.port(), true), kQuiet);
    const auto arrived = far.take(packets_of(IPPROTO_UDP, pair.port(), false), kQuiet);
    const SegmentCounts counts =
        judge_segments(given, arrived,
                       {.what = what,
                        .mtu = std::min(rig.near.facts.mtu, rig.far.facts.mtu),
                        .is_virtual = rig.near.is_virtual()},
                       judgement);
    judge_datagrams(datagrams, what, judgement);
    judgement.observe(arm, fmt::format("IPv{}: {}", static_cast<int>(version), counts.describe()));
    if (counts.num_whole > 0)
        judgement.note_once(
            "virtual link: large sends cross whole, the receiving kernel cuts them");
    return counts;
}

Finding run(Rig& rig)
{
    const Switch segmentation = find_switch(rig.near, "tx-udp-segmentation");
    if (!segmentation.obstacle.empty() && !segmentation.active)
        return Judgement::skip(segmentation.obstacle);
    if (rig.near.facts.mtu < kSegmentBytes + 100)
        return Judgement::skip(
            fmt::format("{}: the MTU is below what the check sends", rig.near.interface));
    FeatureSettings wire;
    keep_off(rig.far, kMergingFeatures, wire);
    rig.apply(rig.far, wire);
    Judgement judgement;
    if (!segmentation.obstacle.empty())
        judgement.note(segmentation.obstacle);
    for (const bool on : segmentation.states()) {
        rig.apply(rig.near, all_of(segmentation.names, on));
        for (const IpVersion version : rig.versions()) {
            const SegmentCounts counts = try_state(rig, version, on ? "on" : "off", judgement);
            if (on && counts.bytes_large == 0)
                judgement.not_in_effect("on, yet the kernel cuts the datagrams");
            if (!on && counts.bytes_large > 0)
                judgement.fail("off, yet the device is given large sends");
        }
    }
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_udp_segmentation{
    .name = "udp-segmentation",
    .summary = "UDP_SEGMENT: one send leaves whole, its datagrams arrive as they were sent",
    .run = run};

} // namespace pagewire::nic
