// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/net_namespace.hpp"

#include <cstdint>
#include <string>

namespace pagewire::nic {

/// A VLAN interface (IEEE 802.1Q) named `name` over `parent`, in the namespace `where`, which may
/// be another than the parent's: it goes with that. Down. Throws core::SystemError: EOPNOTSUPP
/// where the kernel has no such interfaces.
void create_vlan(const NetNamespace& netns, const std::string& parent, std::uint16_t id,
                 const NetNamespace& where, const std::string& name);

} // namespace pagewire::nic
