// SPDX-License-Identifier: BSD-3-Clause
// TCP segmentation by the device (Documentation/networking/segmentation-offloads.rst).
//
// Stimulus: a TCP stream. With the feature on nearly all of it must leave as sends of more than a
// packet, off none of it; either way the packets at the peer must be those that the kernel would
// have made.
#include "nic/checks/check.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/rig.hpp"
#include "nic/checks/segments.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <chrono>

namespace pagewire::nic {

namespace {

constexpr std::uint64_t kStreamBytes = std::uint64_t{8} << 20U;
constexpr double kShareLargeMin = 0.9;

struct Family {
    IpVersion version = IpVersion::k4;
    std::string_view feature;
};

bool is_active(const Rig::End& end, const std::string& name)
{
    const FeatureTable table = read_features(end.netns, end.interface);
    const auto found = table.find(name);
    return found != table.end() && found->second.active;
}

SegmentCounts stream(Rig& rig, const Family& family, const std::string& arm, Judgement& judgement)
{
    const std::string what = fmt::format("IPv{}, {}", static_cast<int>(family.version), arm);
    Capture near(rig.near.netns, rig.near.interface);
    Capture far(rig.far.netns, rig.far.interface);
    TcpPair pair(rig, family.version);
    const LinkCounters before = link_counters(rig.near.netns, rig.near.interface);
    const StreamReport report = send_stream(pair, kStreamBytes);
    const LinkCounters after = link_counters(rig.near.netns, rig.near.interface);
    const auto given = near.take(packets_of(IPPROTO_TCP, pair.port(), true), kQuiet);
    const auto arrived = far.take(packets_of(IPPROTO_TCP, pair.port(), false), kQuiet);
    const SegmentCounts counts =
        judge_segments(given, arrived,
                       {.what = what,
                        .mtu = std::min(rig.near.facts.mtu, rig.far.facts.mtu),
                        .fixed_ids = is_active(rig.near, "tx-tcp-mangleid-segmentation"),
                        .is_virtual = rig.near.is_virtual()},
                       judgement);
    if (!report.is_whole())
        judgement.fail(fmt::format("{}: {}", what, describe(report)));
    judgement.observe(arm, fmt::format("IPv{}: {}; by the device's counters {} packets sent; {}",
                                       static_cast<int>(family.version), counts.describe(),
                                       after.tx_packets - before.tx_packets, describe(report)));
    if (counts.num_whole > 0)
        judgement.note_once("virtual link: large sends cross whole, nobody cuts them");
    return counts;
}

void judge(const Family& family, bool on, const SegmentCounts& counts, Judgement& judgement)
{
    const auto name = family.feature;
    if (!on && counts.bytes_large > 0)
        judgement.fail(fmt::format("{} is off, yet the device is given large sends", name));
    else if (on && counts.bytes_large == 0)
        judgement.not_in_effect(fmt::format("{} is on, yet no send is larger than a packet", name));
    else if (on && counts.share_large() < kShareLargeMin)
        judgement.fail(fmt::format("{}: {:.0f} % of the octets left as large sends, less than 90 %",
                                   name, counts.share_large() * 100.0));
}

/// TCP sends again what the device has lost: the stream is whole, and slow. A receiver that cannot
/// keep up loses with the feature off too.
void judge_losses(const Family& family, double on, double off, Judgement& judgement)
{
    constexpr double none = 0.01;
    constexpr double times_off = 10;
    if (on > none && on > times_off * off)
        judgement.fail(fmt::format("{}: {:.1f} % of the packets were lost with it on, {:.1f} % "
                                   "with it off",
                                   family.feature, on * 100.0, off * 100.0));
}

Finding run(Rig& rig)
{
    // The most that one send holds (linux/netdevice.h, GSO_LEGACY_MAX_SIZE).
    constexpr std::uint32_t send_bytes_max = 65536;
    if (const std::uint32_t mtu = std::min(rig.near.facts.mtu, rig.far.facts.mtu);
        mtu > send_bytes_max / 2)
        return Judgement::skip(fmt::format("MTU {}: no send has room for two packets", mtu));
    Judgement judgement;
    FeatureSettings wire;
    keep_off(rig.far, kMergingFeatures, wire);
    rig.apply(rig.far, wire);
    for (const Family& family : {Family{IpVersion::k4, "tx-tcp-segmentation"},
                                 Family{IpVersion::k6, "tx-tcp6-segmentation"}}) {
        if (family.version == IpVersion::k6 && !rig.has_ipv6)
            continue;
        const Switch segmentation = find_switch(rig.near, family.feature);
        if (!segmentation.obstacle.empty())
            judgement.note(segmentation.obstacle);
        double share_lost_on = 0.0;
        for (const bool on : {true, false}) {
            if (!segmentation.obstacle.empty() && (!on || !segmentation.active))
                continue;
            rig.apply(rig.near, all_of(segmentation.names, on));
            const SegmentCounts counts = stream(rig, family, on ? "on" : "off", judgement);
            judge(family, on, counts, judgement);
            if (on)
                share_lost_on = counts.share_lost();
            else
                judge_losses(family, share_lost_on, counts.share_lost(), judgement);
        }
    }
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_tso{
    .name = "tso",
    .summary = "TCP segmentation by the device: large sends leave, right segments arrive",
    .run = run};

} // namespace pagewire::nic
