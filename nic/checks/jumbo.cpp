// SPDX-License-Identifier: BSD-3-Clause
// Jumbo frames: the MTU raised to 9000 and back.
#include "core/error.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/mtu_edge.hpp"
#include "nic/checks/rig.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <chrono>

namespace pagewire::nic {

namespace {

constexpr std::uint32_t kJumboMtu = 9000;
constexpr std::uint64_t kStreamBytes = std::uint64_t{4} << 20U;

/// Why an end cannot; empty where it can, and does.
std::string raise_mtu(Rig::End& end)
{
    try {
        end.guard.set_mtu(kJumboMtu);
        return {};
    } catch (const core::SystemError& error) {
        return error.what();
    }
}

void judge_stream(Rig& rig, std::uint32_t mtu, Judgement& judgement)
{
    FeatureSettings sender;
    keep_off(rig.near, kSegmentingFeatures, sender);
    rig.apply(rig.near, sender);
    FeatureSettings receiver;
    keep_off(rig.far, kMergingFeatures, receiver);
    rig.apply(rig.far, receiver);
    Capture tap(rig.far.netns, rig.far.interface);
    TcpPair pair(rig, IpVersion::k4);
    const StreamReport report = send_stream(pair, kStreamBytes);
    std::size_t longest = 0;
    for (const CapturedPacket& one : tap.take(packets_of(IPPROTO_TCP, pair.port(), false), kQuiet))
        longest = std::max(longest, one.packet.network.size());
    judgement.observe(fmt::format("{}", mtu), fmt::format("TCP: {}; the longest packet {} octets",
                                                          describe(report), longest));
    if (!report.is_whole())
        judgement.fail(fmt::format("MTU {}: {}", mtu, describe(report)));
    else if (longest != mtu)
        judgement.not_in_effect(
            fmt::format("MTU {}, yet the longest TCP packet has {} octets", mtu, longest));
}

Finding run(Rig& rig)
{
    for (Rig::End* end : {&rig.near, &rig.far})
        if (const std::string why = raise_mtu(*end); !why.empty())
            return Judgement::skip(why);
    rig.settle();
    Judgement judgement;
    judge_mtu_edge(rig, kJumboMtu, fmt::format("{}", kJumboMtu), judgement);
    judge_stream(rig, kJumboMtu, judgement);
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_jumbo{
    .name = "jumbo", .summary = "MTU 9000: full frames arrive as sent, by UDP and TCP", .run = run};

} // namespace pagewire::nic
