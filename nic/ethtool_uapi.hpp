// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

/// RSS_GET of the ethtool family (Linux 6.2), which Debian 12's headers (6.1) do not have:
/// include/uapi/linux/ethtool_netlink.h of Linux 6.12. The kernel's names, in a namespace: a newer
/// header's enumerators may stand beside them.
namespace pagewire::nic::uapi {

inline constexpr std::uint8_t ETHTOOL_MSG_RSS_GET = 38;

inline constexpr std::uint16_t ETHTOOL_A_RSS_HEADER = 1;
inline constexpr std::uint16_t ETHTOOL_A_RSS_CONTEXT = 2;
inline constexpr std::uint16_t ETHTOOL_A_RSS_HFUNC = 3;
inline constexpr std::uint16_t ETHTOOL_A_RSS_INDIR = 4;
inline constexpr std::uint16_t ETHTOOL_A_RSS_HKEY = 5;
inline constexpr std::uint16_t ETHTOOL_A_RSS_MAX = ETHTOOL_A_RSS_HKEY;

} // namespace pagewire::nic::uapi
