// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "nic/xdp_device.hpp"

namespace pagewire::dataplane {

/// What an AF_XDP job leaves open, decided by the device; what it asks for and the device cannot
/// do, refused with the reason.
///
///     the driver has zero-copy, several segments a packet   segments, zero-copy
///     the driver has zero-copy, one segment                 headroom, zero-copy
///     none                                                  segments, copy (Linux 6.6; else
///     headroom)
///
/// A choice is no claim: what was granted is asked of the kernel after bind(2). Throws
/// core::TransferError in one line.
[[nodiscard]] core::DataplaneJob settle_xdp_job(const core::DataplaneJob& job,
                                                const nic::XdpDevice& device,
                                                const std::string& interface,
                                                bool kernel_has_segments);

/// XDP_USE_SG came with Linux 6.6: by the release that uname(2) names.
[[nodiscard]] bool kernel_has_xdp_segments();

} // namespace pagewire::dataplane
