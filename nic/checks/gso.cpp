// SPDX-License-Identifier: BSD-3-Clause
// Generic segmentation: the kernel cuts large sends just before the driver
// (Documentation/networking/segmentation-offloads.rst).
//
// It saves CPU above the driver, which no frame shows; what frames show is whether they are cut
// right, by the kernel at this device's head room, checksum and VLAN features.
#include "nic/checks/check.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/rig.hpp"
#include "nic/checks/segments.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace pagewire::nic {

namespace {

constexpr std::uint64_t kStreamBytes = std::uint64_t{4} << 20U;
/// The device's own, without which the kernel has to do it.
constexpr std::array<std::string_view, 6> kByDevice{
    "tx-tcp-segmentation",          "tx-tcp6-segmentation", "tx-tcp-ecn-segmentation",
    "tx-tcp-mangleid-segmentation", "tx-udp-segmentation",  "tx-gso-list"};

void try_state(Rig& rig, bool on, Judgement& judgement)
{
    const std::string arm = on ? "on" : "off";
    FeatureSettings settings{{"tx-generic-segmentation", on}};
    keep_off(rig.near, kByDevice, settings);
    rig.apply(rig.near, settings);
    Capture near(rig.near.netns, rig.near.interface);
    Capture far(rig.far.netns, rig.far.interface);
    TcpPair pair(rig, IpVersion::k4);
    const StreamReport report = send_stream(pair, kStreamBytes);
    const auto given = near.take(packets_of(IPPROTO_TCP, pair.port(), true), kQuiet);
    const auto arrived = far.take(packets_of(IPPROTO_TCP, pair.port(), false), kQuiet);
    const SegmentCounts counts =
        judge_segments(given, arrived,
                       {.what = arm,
                        .mtu = std::min(rig.near.facts.mtu, rig.far.facts.mtu),
                        .is_virtual = rig.near.is_virtual()},
                       judgement);
    if (!report.is_whole())
        judgement.fail(fmt::format("{}: {}", arm, describe(report)));
    if (counts.bytes_large > 0)
        judgement.fail(fmt::format("{}: segmentation by the device is off, yet it is given large "
                                   "sends",
                                   arm));
    judgement.observe(arm, fmt::format("{}; {}", counts.describe(), describe(report)));
}

Finding run(Rig& rig)
{
    const Switch generic = find_switch(rig.near, "tx-generic-segmentation");
    if (!generic.obstacle.empty())
        return Judgement::skip(generic.obstacle);
    FeatureSettings wire;
    keep_off(rig.far, kMergingFeatures, wire);
    rig.apply(rig.far, wire);
    Judgement judgement;
    for (const bool on : {true, false})
        try_state(rig, on, judgement);
    judgement.note("packets cut right either way; what it saves is CPU, which no frame shows");
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_gso{.name = "gso",
                             .summary = "large sends cut by the kernel before this driver: right "
                                        "packets arrive",
                             .run = run};

} // namespace pagewire::nic
