// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace pagewire::nic {

/// struct virtio_net_hdr (linux/virtio_net.h, which no C++ compiler takes: it has a field named
/// `class`), as packet(7) sockets with PACKET_VNET_HDR and tun devices with IFF_VNET_HDR put it
/// before each frame. In host byte order.
struct VnetHeader {
    std::uint8_t flags = 0;
    std::uint8_t gso_type = 0;
    std::uint16_t hdr_len = 0;
    std::uint16_t gso_size = 0;    ///< payload octets of each packet of a large send
    std::uint16_t csum_start = 0;  ///< from the frame's first octet
    std::uint16_t csum_offset = 0; ///< from there
};

static_assert(sizeof(VnetHeader) == 10, "shared with the kernel: struct virtio_net_hdr");

inline constexpr std::uint8_t kVnetNeedsChecksum = 1; ///< VIRTIO_NET_HDR_F_NEEDS_CSUM
inline constexpr std::uint8_t kVnetDataValid = 2;     ///< VIRTIO_NET_HDR_F_DATA_VALID

inline constexpr std::uint8_t kVnetGsoNone = 0;
inline constexpr std::uint8_t kVnetGsoTcpv4 = 1;
inline constexpr std::uint8_t kVnetGsoTcpv6 = 4;
inline constexpr std::uint8_t kVnetGsoUdpL4 = 5;

} // namespace pagewire::nic
