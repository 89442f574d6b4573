// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"
#include "nic/net_namespace.hpp"

#include <cstdint>
#include <string>

/// Software's own wires, for what has no NIC: bridges, and the taps that a virtual machine's ports
/// are plugged into.
namespace pagewire::nic {

/// The largest MTU of a tap: 65535 less an Ethernet header.
inline constexpr std::uint32_t kTapMtuMax = 65521;

/// A bridge, down, without ports. Throws core::SystemError; EOPNOTSUPP where the kernel has none.
void create_bridge(const NetNamespace& netns, const std::string& name);

/// Makes `interface` a port of the bridge. Throws core::SystemError.
void add_bridge_port(const NetNamespace& netns, const std::string& bridge,
                     const std::string& interface);

/// A tap, down, with a virtio-net header before each frame
/// (Documentation/networking/tuntap.rst): what has the descriptor is its other end, and it goes
/// with the last of them. Throws core::SystemError.
[[nodiscard]] core::UniqueFd create_tap(const NetNamespace& netns, const std::string& name);

/// No IPv6 address of its own for links made later in this namespace, and so no frames that nobody
/// asked for.
void disable_ipv6(const NetNamespace& netns);

} // namespace pagewire::nic
