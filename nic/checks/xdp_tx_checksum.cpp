// SPDX-License-Identifier: BSD-3-Clause
// The UDP checksum of AF_XDP packets by the device, asked by each packet's metadata
// (Documentation/networking/xsk-tx-metadata.rst).
#include "core/error.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/raw_frame.hpp"
#include "nic/checks/rig.hpp"
#include "nic/checks/xsk_probe.hpp"
#include "nic/xdp_device.hpp"
#include "nic/xsk_setup.hpp"

#include <fmt/format.h>
#include <linux/if_ether.h>
#include <netinet/udp.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>

namespace pagewire::nic {

namespace {

constexpr std::chrono::milliseconds kLongestCompletion{300};
constexpr int kNumFrames = 16;
constexpr std::size_t kPayloadBytes = 400;

FrameConfig pending(IpVersion version)
{
    return {.version = version,
            .source_port = kProbePort,
            .destination_port = kProbePort,
            .checksum = FrameChecksum::kPending};
}

/// Of each: right, left to the receiver, or as written.
struct Sums {
    int num_right = 0;
    int num_left = 0;
    int num_as_written = 0;
};

Sums send_frames(const Rig& rig, XskProbe& probe, IpVersion version, bool ask,
                 const std::string& arm, Judgement& judgement)
{
    const FrameConfig config = pending(version);
    const TxMetadata metadata{
        .flags = XDP_TXMD_FLAGS_CHECKSUM,
        .csum_start = static_cast<std::uint16_t>(frame_header_bytes(config) - sizeof(udphdr)),
        .csum_offset = offsetof(udphdr, check)};
    Capture far(rig.far.netns, rig.far.interface);
    std::array<std::byte, kPayloadBytes> payload{};
    for (int i = 0; i < kNumFrames; ++i) {
        fill_pattern(payload, static_cast<std::uint64_t>(i) << 12U);
        probe.put(make_frame(rig, config, payload), ask ? &metadata : nullptr);
    }
    probe.submit();
    probe.kick();
    (void)probe.take_completions(probe.addresses().size(), kLongestCompletion);
    Sums sums;
    const auto arrived = take_probe_frames(far, kNumFrames);
    for (const CapturedPacket& one : arrived) {
        if (one.frame.checksum_pending)
            ++sums.num_left;
        else if (is_transport_checksum_valid(one.packet))
            ++sums.num_right;
        else
            ++sums.num_as_written;
        if (ask && !one.frame.checksum_pending && !is_transport_checksum_valid(one.packet))
            judgement.fail(
                fmt::format("IPv{}: asked for, and wrong on the wire", static_cast<int>(version)),
                one.frame.octets);
        if (!ask && (one.frame.checksum_pending || is_transport_checksum_valid(one.packet)))
            judgement.fail(
                fmt::format("IPv{}: not asked for, and yet made", static_cast<int>(version)),
                one.frame.octets);
    }
    judgement.observe(arm, fmt::format("IPv{}: {} frames, {} arrived: checksum right {}, left to "
                                       "the receiver {}, as written {}; {} invalid descriptors",
                                       static_cast<int>(version), kNumFrames, arrived.size(),
                                       sums.num_right, sums.num_left, sums.num_as_written,
                                       probe.num_invalid()));
    if (arrived.size() != kNumFrames)
        judgement.fail(fmt::format("IPv{}, {}: {} of {} frames arrived", static_cast<int>(version),
                                   arm, arrived.size(), kNumFrames));
    if (sums.num_left > 0 && !rig.near.is_virtual())
        judgement.fail("frames arrive with checksums that nobody made");
    return sums;
}

Finding run(Rig& rig)
{
    if (const core::Support sockets = probe_xdp_sockets(); !sockets)
        return Judgement::skip(sockets.reason());
    FeatureSettings receiver;
    keep_off(rig.far, kMergingFeatures, receiver);
    rig.apply(rig.far, receiver);
    const XdpDevice device = probe_xdp_device(rig.near.netns, rig.near.interface);
    Judgement judgement;
    for (const bool ask : {true, false}) {
        for (const IpVersion version : rig.versions()) {
            std::unique_ptr<XskProbe> probe;
            try {
                probe = std::make_unique<XskProbe>(rig.near, XskProbeConfig{.tx_metadata = true});
            } catch (const core::SystemError& error) {
                return Judgement::skip(error.what()); // before Linux 6.8
            }
            if (probe->is_zerocopy() && !device.has_xsk_tx_checksum())
                return Judgement::skip(
                    fmt::format("{}: no tx-checksum among its XSK features", rig.near.interface));
            const Sums sums = send_frames(rig, *probe, version, ask, ask ? "on" : "off", judgement);
            if (sums.num_left > 0)
                judgement.note_once("virtual link: checksums are left to the receiver");
        }
    }
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_xdp_tx_checksum{
    .name = "xdp-tx-checksum",
    .summary = "AF_XDP: the UDP checksum made by the device when metadata asks for it",
    .run = run};

} // namespace pagewire::nic
