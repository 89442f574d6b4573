// SPDX-License-Identifier: BSD-3-Clause
// When the device sent an AF_XDP packet, told in its metadata
// (Documentation/networking/xsk-tx-metadata.rst).
#include "core/error.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/rig.hpp"
#include "nic/checks/timestamps.hpp"
#include "nic/checks/xsk_probe.hpp"
#include "nic/xdp_device.hpp"

#include <fmt/format.h>

#include <chrono>
#include <vector>

namespace pagewire::nic {

namespace {

constexpr std::chrono::milliseconds kLongestCompletion{500};
constexpr std::size_t kNumFrames = 16;

/// One after the other: each is done with before the next is sent.
std::vector<std::uint64_t> send_stamped(const Rig& rig, XskProbe& probe)
{
    const TxMetadata metadata{.flags = XDP_TXMD_FLAGS_TIMESTAMP};
    std::vector<std::uint64_t> stamps;
    for (const auto& frame : make_probe_frames(rig, kNumFrames)) {
        const std::uint64_t addr = probe.put(frame, &metadata);
        probe.submit();
        probe.kick();
        if (probe.take_completions(1, kLongestCompletion).empty())
            throw core::TransferError("a packet was not completed");
        stamps.push_back(probe.tx_timestamp(addr));
    }
    return stamps;
}

Finding run(Rig& rig)
{
    const XdpDevice device = probe_xdp_device(rig.near.netns, rig.near.interface);
    if (!device.has_xsk_tx_timestamp())
        return Judgement::skip(
            fmt::format("{}: no tx-timestamp among its XSK features", rig.near.interface));
    XskProbe probe(rig.near, {.tx_metadata = true});
    const std::vector<std::uint64_t> stamps = send_stamped(rig, probe);
    Judgement judgement;
    judge_stamps("transmit", stamps, judgement);
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_xdp_tx_timestamp{
    .name = "xdp-tx-timestamp",
    .summary = "AF_XDP: the device tells when it sent each packet, later for later ones",
    .run = run};

} // namespace pagewire::nic
