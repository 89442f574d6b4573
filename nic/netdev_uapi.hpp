// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

/// The "netdev" generic netlink family (Linux 6.3), which Debian 12's headers (6.1) do not have:
/// include/uapi/linux/netdev.h of Linux 6.12, generated from
/// Documentation/netlink/specs/netdev.yaml. The kernel's names, in a namespace: a newer header's
/// enumerators may stand beside them.

#ifndef NETDEV_FAMILY_NAME
#define NETDEV_FAMILY_NAME "netdev"
#endif
#ifndef NETDEV_FAMILY_VERSION
#define NETDEV_FAMILY_VERSION 1
#endif

namespace pagewire::nic::uapi {

// The commands' first enumeration.
inline constexpr std::uint8_t NETDEV_CMD_DEV_GET = 1;

// Attributes of a device.
inline constexpr std::uint16_t NETDEV_A_DEV_IFINDEX = 1;
inline constexpr std::uint16_t NETDEV_A_DEV_PAD = 2;
inline constexpr std::uint16_t NETDEV_A_DEV_XDP_FEATURES = 3;
inline constexpr std::uint16_t NETDEV_A_DEV_XDP_ZC_MAX_SEGS = 4; // Linux 6.6, where XSK_ZEROCOPY is
inline constexpr std::uint16_t NETDEV_A_DEV_XDP_RX_METADATA_FEATURES = 5; // Linux 6.7
inline constexpr std::uint16_t NETDEV_A_DEV_XSK_FEATURES = 6;             // Linux 6.8
inline constexpr std::uint16_t NETDEV_A_DEV_MAX = NETDEV_A_DEV_XSK_FEATURES;

// enum netdev_xdp_act
inline constexpr std::uint64_t NETDEV_XDP_ACT_BASIC = 1;
inline constexpr std::uint64_t NETDEV_XDP_ACT_REDIRECT = 2;
inline constexpr std::uint64_t NETDEV_XDP_ACT_NDO_XMIT = 4;
inline constexpr std::uint64_t NETDEV_XDP_ACT_XSK_ZEROCOPY = 8;
inline constexpr std::uint64_t NETDEV_XDP_ACT_HW_OFFLOAD = 16;
inline constexpr std::uint64_t NETDEV_XDP_ACT_RX_SG = 32;
inline constexpr std::uint64_t NETDEV_XDP_ACT_NDO_XMIT_SG = 64;

// enum netdev_xsk_flags
inline constexpr std::uint64_t NETDEV_XSK_FLAGS_TX_TIMESTAMP = 1;
inline constexpr std::uint64_t NETDEV_XSK_FLAGS_TX_CHECKSUM = 2;

} // namespace pagewire::nic::uapi
