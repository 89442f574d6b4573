// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "dataplane/frame_ledger.hpp"
#include "nic/xdp_device.hpp"

namespace pagewire::dataplane {

/// What stands around an AF_XDP job.
struct XdpPath {
    nic::XdpDevice device;
    std::string interface;
    std::uint32_t mtu = 0;
    /// Of the file's offsets in direct I/O (STATX_DIOALIGN); a slot is a multiple of it.
    std::uint32_t direct_io_bytes = PacketMemoryLayout::kSlotOffset;
    bool kernel_has_segments = true; ///< kernel_has_xdp_segments()
};

/// What an AF_XDP job leaves open, decided by the device; what it asks for and the device cannot
/// do, refused with the reason.
///
///     zero-copy, several segments a packet          segments
///     zero-copy, one segment                        headroom
///     copy mode that attaches the UMEM's pages      segments
///     copy mode that copies                         headroom where slots are long and hold most of
///                                                   what the MTU has room for, else segments
///     a kernel before Linux 6.6                     headroom
///
/// Copying, the kernel allocates a page for each descriptor after a packet's first: one descriptor
/// costs less than two, but only whole sectors can be read into a slot (docs/methods/af_xdp.md has
/// the figures).
///
/// A choice is no claim: what was granted is asked of the kernel after bind(2). Throws
/// core::TransferError in one line.
[[nodiscard]] core::DataplaneJob settle_xdp_job(const core::DataplaneJob& job, const XdpPath& path);

/// XDP_USE_SG came with Linux 6.6: by the release that uname(2) names.
[[nodiscard]] bool kernel_has_xdp_segments();

} // namespace pagewire::dataplane
