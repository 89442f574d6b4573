// SPDX-License-Identifier: BSD-3-Clause
#include "nic/checks/receive_merging.hpp"

#include "nic/checks/flow.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <chrono>

namespace pagewire::nic {

namespace {

constexpr std::uint64_t kStreamBytes = std::uint64_t{8} << 20U;

std::uint32_t mtu_of(const Rig& rig)
{
    return std::min(rig.near.facts.mtu, rig.far.facts.mtu);
}

/// Returns how many merged frames came out.
std::size_t stream(Rig& rig, IpVersion version, const std::string& arm, Judgement& judgement)
{
    const std::string what = fmt::format("IPv{}", static_cast<int>(version));
    Capture tap(rig.far.netns, rig.far.interface);
    TcpPair pair(rig, version);
    const StreamReport report = send_stream(pair, kStreamBytes);
    std::size_t num_frames = 0;
    std::size_t num_merged = 0;
    std::size_t longest = 0;
    for (const CapturedPacket& one :
         tap.take(packets_of(IPPROTO_TCP, pair.port(), false), kQuiet)) {
        if (one.packet.payload.empty())
            continue;
        ++num_frames;
        num_merged += one.packet.network.size() > mtu_of(rig) ? 1 : 0;
        longest = std::max(longest, one.packet.network.size());
    }
    if (!report.is_whole())
        judgement.fail(fmt::format("{}, {}: {}", what, arm, describe(report)));
    judgement.observe(arm,
                      fmt::format("{}: {} frames, {} of them merged, the longest {} octets; {}",
                                  what, num_frames, num_merged, longest, describe(report)));
    return num_merged;
}

} // namespace

Finding check_merging(Rig& rig, std::string_view feature)
{
    const Switch merging = find_switch(rig.far, feature);
    if (!merging.obstacle.empty() && !merging.active)
        return Judgement::skip(merging.obstacle);
    // What is merged is at most an IP packet (net/core/gro.c).
    constexpr std::uint32_t merged_bytes_max = 65535;
    if (mtu_of(rig) > merged_bytes_max / 2)
        return Judgement::skip(fmt::format("MTU {}: no two packets fit into one", mtu_of(rig)));
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
            const std::size_t num_merged = stream(rig, version, on ? "on" : "off", judgement);
            if (on && num_merged == 0)
                judgement.not_in_effect(
                    fmt::format("IPv{}: on, yet no frame was merged", static_cast<int>(version)));
            if (!on && num_merged > 0)
                judgement.fail(fmt::format("IPv{}: off, yet merged frames come out",
                                           static_cast<int>(version)));
        }
    }
    return std::move(judgement).finish();
}

} // namespace pagewire::nic
