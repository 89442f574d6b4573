// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/ethtool_replies.hpp"
#include "nic/net_namespace.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

/// Lengths of a device's descriptor rings, over the ethtool netlink family
/// (Documentation/networking/ethtool-netlink.rst, RINGS_GET and RINGS_SET).
namespace pagewire::nic {

/// Number of descriptors by the ring's name: "rx", "rx-mini", "rx-jumbo", "tx".
using RingSettings = std::map<std::string, std::uint32_t>;

/// Nothing where the driver has none to tell of (veth). Throws core::UsageError where there is no
/// such interface, core::SystemError for the rest.
[[nodiscard]] std::optional<LimitTable> read_rings(const NetNamespace& netns,
                                                   const std::string& interface);

/// Sets the named rings and reads them back. Many drivers stop the device for it: packets are lost,
/// and the carrier may go for a moment. Throws core::UsageError for a ring that the device does not
/// have or a length beyond its maximum, core::TransferError where the driver has made another
/// length of it, core::SystemError for what the kernel refuses.
void set_rings(const NetNamespace& netns, const std::string& interface,
               const RingSettings& settings);

/// The lengths in force.
[[nodiscard]] RingSettings current_rings(const LimitTable& rings);

} // namespace pagewire::nic
