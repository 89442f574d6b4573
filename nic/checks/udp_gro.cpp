// SPDX-License-Identifier: BSD-3-Clause
// UDP datagrams merged on receive for a socket that asks for it (udp(7), UDP_GRO).
#include "core/error.hpp"
#include "nic/checks/capture.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/rig.hpp"

#include <fmt/format.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace pagewire::nic {

namespace {

constexpr int kNumSends = 16;
constexpr std::uint16_t kSegmentBytes = 1000;
constexpr std::size_t kSendBytes = std::size_t{32} * kSegmentBytes;

/// Returns how many merged datagrams came out.
int try_state(Rig& rig, IpVersion version, const std::string& arm, Judgement& judgement)
{
    const std::string what = fmt::format("IPv{}", static_cast<int>(version));
    UdpPair pair(rig, version);
    const int on = 1;
    core::checked(::setsockopt(pair.far(), IPPROTO_UDP, UDP_GRO, &on, sizeof(on)), "setsockopt",
                  "UDP_GRO");
    std::vector<std::byte> octets(kSendBytes);
    for (std::uint64_t i = 0; i < kNumSends; ++i) {
        fill_pattern(octets, i * kSendBytes);
        if (const int error = pair.send(octets, kSegmentBytes); error != 0)
            judgement.fail(fmt::format("{}, {}: send: {}", what, arm, core::errno_text(error)));
    }
    std::uint64_t received = 0;
    int num_merged = 0;
    std::size_t longest = 0;
    const auto wait = [&] { return received < kNumSends * kSendBytes ? kArrival : kQuiet; };
    while (const auto datagram = pair.receive(wait())) {
        // Of one flow and one queue, in their order.
        if (find_mismatch(datagram->octets, received))
            judgement.fail(fmt::format("{}, {}: changed or out of order from octet {} on", what,
                                       arm, received),
                           datagram->octets);
        if (datagram->octets.size() > kSegmentBytes && datagram->segment_bytes != kSegmentBytes)
            judgement.fail(fmt::format("{}, {}: merged as datagrams of {} octets, which had {}",
                                       what, arm, datagram->segment_bytes, kSegmentBytes),
                           datagram->octets);
        num_merged += datagram->octets.size() > kSegmentBytes ? 1 : 0;
        longest = std::max(longest, datagram->octets.size());
        received += datagram->octets.size();
    }
    if (received != kNumSends * kSendBytes)
        judgement.fail(fmt::format("{}, {}: {} of {} octets arrived", what, arm, received,
                                   kNumSends * kSendBytes));
    judgement.observe(arm, fmt::format("{}: {} octets, all as sent, in receives of up to {}, {} of "
                                       "them merged",
                                       what, received, longest, num_merged));
    return num_merged;
}

Finding run(Rig& rig)
{
    const Switch merging = find_switch(rig.far, "rx-gro");
    if (!merging.obstacle.empty() && !merging.active)
        return Judgement::skip(merging.obstacle);
    if (rig.near.facts.mtu < kSegmentBytes + 100)
        return Judgement::skip(
            fmt::format("{}: the MTU is below what the check sends", rig.near.interface));
    FeatureSettings sender;
    keep_off(rig.near, kSegmentingFeatures, sender);
    rig.apply(rig.near, sender);
    Judgement judgement;
    if (!merging.obstacle.empty())
        judgement.note(merging.obstacle);
    for (const bool on : merging.states()) {
        FeatureSettings settings = all_of(merging.names, on);
        keep_off(rig.far, kMergingFeatures, settings);
        rig.apply(rig.far, settings);
        for (const IpVersion version : rig.versions()) {
            const int num_merged = try_state(rig, version, on ? "on" : "off", judgement);
            if (on && num_merged == 0)
                judgement.not_in_effect("on, yet no datagrams were merged");
            if (!on && num_merged > 0)
                judgement.fail("off, yet merged datagrams come out");
        }
    }
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_udp_gro{
    .name = "udp-gro",
    .summary = "UDP datagrams merged on receive (UDP_GRO): sizes told right, the same octets",
    .run = run};

} // namespace pagewire::nic
