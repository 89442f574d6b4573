// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/xdp_choice.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <cstdio>
#include <utility>

namespace pagewire::dataplane {

namespace {

using core::BindMode;
using core::PacketLayout;
using core::TransferError;

void check_device(const core::DataplaneJob& job, const nic::XdpDevice& device,
                  const std::string& interface)
{
    if (!device.up)
        throw TransferError(fmt::format("{} is down: ip link set {} up", interface, interface));
    if (job.queue >= device.num_tx_queues) {
        throw TransferError(fmt::format("{} has {} transmit queue{}, counted from 0: there is no "
                                        "queue {} (ethtool -L changes how many)",
                                        interface, device.num_tx_queues,
                                        device.num_tx_queues == 1 ? "" : "s", job.queue));
    }
    const bool copies = job.bind != BindMode::kZerocopy;
    if (copies && device.napi_tx == false) {
        throw TransferError(fmt::format(
            "{}: virtio_net with napi_tx=N says that a packet is sent before the device has read "
            "it, and a frame filled again would be sent in its place: load it with napi_tx=Y",
            interface));
    }
    if (job.bind == BindMode::kZerocopy && device.has_features && !device.has_xsk_zerocopy()) {
        throw TransferError(
            fmt::format("{} ({}) has no AF_XDP zero-copy: use the bind mode 'copy', or 'auto'",
                        interface, device.driver));
    }
}

} // namespace

core::DataplaneJob settle_xdp_job(const core::DataplaneJob& job, const nic::XdpDevice& device,
                                  const std::string& interface, bool kernel_has_segments)
{
    check_device(job, device, interface);
    core::DataplaneJob settled = job;
    settled.segments_max = device.zc_segments_max;
    const bool zerocopy = job.bind != BindMode::kCopy && device.has_xsk_zerocopy();
    const bool one_segment = zerocopy && device.zc_segments_max == 1;
    if (job.layout == PacketLayout::kAuto) {
        settled.layout =
            one_segment || !kernel_has_segments ? PacketLayout::kHeadroom : PacketLayout::kSegments;
    }
    if (settled.layout == PacketLayout::kSegments && !kernel_has_segments) {
        throw TransferError("several segments a packet need Linux 6.6 (XDP_USE_SG): use the layout "
                            "'headroom'");
    }
    if (settled.layout == PacketLayout::kSegments && one_segment &&
        job.bind == BindMode::kZerocopy) {
        throw TransferError(fmt::format(
            "{} ({}) takes one segment a packet in zero-copy (xdp-zc-max-segs 1): use the layout "
            "'headroom'",
            interface, device.driver));
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
