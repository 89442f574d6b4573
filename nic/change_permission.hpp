// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/net_namespace.hpp"

#include <optional>
#include <string>

namespace pagewire::nic {

/// What sshd has told the caller's shell of its connection ("CLIENT PORT SERVER PORT"): from the
/// environment of this process or, as sudo takes it away, of the nearest ancestor that has it.
/// Nothing where there is none. Never throws.
[[nodiscard]] std::optional<std::string> callers_ssh_connection() noexcept;

/// Why this interface must not be changed; empty where it may be. A change can stop a NIC for
/// seconds, or for good: not one that the machine is reached by, that is one that carries a default
/// route of any table, or the ssh session of the caller (its own address is on the interface, or
/// packets to the client leave by it), itself or by a VLAN, bridge or bond above it.
///
/// Throws core::UsageError where there is no such interface, core::SystemError for the rest.
[[nodiscard]] std::string
change_obstacle(const NetNamespace& netns, const std::string& interface,
                const std::optional<std::string>& ssh_connection = callers_ssh_connection());

} // namespace pagewire::nic
