// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/checks/check.hpp"
#include "nic/checks/rig.hpp"

#include <cstdint>
#include <string>

namespace pagewire::nic {

/// A packet of exactly `mtu` octets, the link's MTU, must arrive as sent, and one of an octet more
/// must not leave, by UDP over IPv4 and IPv6.
void judge_mtu_edge(const Rig& rig, std::uint32_t mtu, const std::string& arm,
                    Judgement& judgement);

} // namespace pagewire::nic
