// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/xdp_choice.hpp"

#include "core/error.hpp"
#include "dataplane/packet_header.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <cstdio>
#include <utility>

namespace pagewire::dataplane {

namespace {

using core::BindMode;
using core::PacketLayout;
using core::TransferError;

void check_device(const core::DataplaneJob& job, const XdpPath& path)
{
    const nic::XdpDevice& device = path.device;
    if (!device.up)
        throw TransferError(
            fmt::format("{} is down: ip link set {} up", path.interface, path.interface));
    if (const std::uint32_t last = job.queue + job.num_queues - 1; last >= device.num_tx_queues) {
        throw TransferError(fmt::format("{} has {} transmit queue{}, counted from 0: there is no "
                                        "queue {} (ethtool -L changes how many)",
                                        path.interface, device.num_tx_queues,
                                        device.num_tx_queues == 1 ? "" : "s", last));
    }
    const bool copies = job.bind != BindMode::kZerocopy;
    if (copies && device.napi_tx == false) {
        throw TransferError(fmt::format(
            "{}: virtio_net with napi_tx=N says that a packet is sent before the device has read "
            "it, and a frame filled again would be sent in its place: load it with napi_tx=Y",
            path.interface));
    }
    if (job.bind == BindMode::kZerocopy && device.has_features && !device.has_xsk_zerocopy()) {
        throw TransferError(
            fmt::format("{} ({}) has no AF_XDP zero-copy: use the bind mode 'copy', or 'auto'",
                        path.interface, device.driver));
    }
}

/// Whether a slot that this file can be read into is worth its one descriptor: it holds three
/// quarters of a packet, and is no shorter than a disk's scatter list bears.
bool fills_slots(const XdpPath& path)
{
    const std::uint32_t slot_bytes = PacketMemoryLayout::slot_bytes_for(path.mtu);
    return slot_bytes >= kChunkBytes / 2 && slot_bytes % path.direct_io_bytes == 0 &&
           PacketMemoryLayout::kSlotOffset % path.direct_io_bytes == 0 &&
           slot_bytes >= payload_room(path.mtu) / 4 * 3;
}

PacketLayout choose_layout(const core::DataplaneJob& job, const XdpPath& path, bool zerocopy)
{
    if (!path.kernel_has_segments)
        return PacketLayout::kHeadroom;
    if (zerocopy)
        return path.device.zc_segments_max == 1 ? PacketLayout::kHeadroom : PacketLayout::kSegments;
    const bool one_is_better =
        !path.device.skb_no_linear && !job.protect_payload && fills_slots(path);
    return one_is_better ? PacketLayout::kHeadroom : PacketLayout::kSegments;
}

} // namespace

core::DataplaneJob settle_xdp_job(const core::DataplaneJob& job, const XdpPath& path)
{
    check_device(job, path);
    core::DataplaneJob settled = job;
    settled.segments_max = path.device.zc_segments_max;
    settled.numa_node = path.device.numa_node;
    const bool zerocopy = job.bind != BindMode::kCopy && path.device.has_xsk_zerocopy();
    if (job.layout == PacketLayout::kAuto)
        settled.layout = choose_layout(job, path, zerocopy);
    if (settled.layout == PacketLayout::kSegments && !path.kernel_has_segments) {
        throw TransferError("several segments a packet need Linux 6.6 (XDP_USE_SG): use the layout "
                            "'headroom'");
    }
    if (settled.layout == PacketLayout::kSegments && zerocopy && path.device.zc_segments_max == 1 &&
        job.bind == BindMode::kZerocopy) {
        throw TransferError(fmt::format(
            "{} ({}) takes one segment a packet in zero-copy (xdp-zc-max-segs 1): use the layout "
            "'headroom'",
            path.interface, path.device.driver));
    }
    return settled;
}

bool kernel_has_xdp_segments()
{
    utsname name{};
    int major = 0;
    int minor = 0;
    if (::uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2)
        return true; // bind(2) will tell
    return std::pair(major, minor) >= std::pair(6, 6);
}

} // namespace pagewire::dataplane
