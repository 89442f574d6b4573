// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/flow_header.hpp"
#include "core/method.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pagewire::dataplane {

/// Octets of the headers in front of a payload: Ethernet II 14, IPv4 20 (RFC 791), UDP 8 (RFC 768),
/// FlowHeader 24.
inline constexpr std::uint32_t kEthernetBytes = 14;
inline constexpr std::uint32_t kIpv4Bytes = 20;
inline constexpr std::uint32_t kUdpBytes = 8;
inline constexpr std::uint32_t kPacketHeaderBytes =
    kEthernetBytes + kIpv4Bytes + kUdpBytes + static_cast<std::uint32_t>(core::kFlowHeaderBytes);

/// Payload octets that an IPv4 packet of `mtu` octets has room for.
[[nodiscard]] constexpr std::uint32_t payload_room(std::uint32_t mtu)
{
    return mtu - kIpv4Bytes - kUdpBytes - static_cast<std::uint32_t>(core::kFlowHeaderBytes);
}

/// Where the device finds the sums of a packet whose checksum it is to make: octets from the
/// packet's start, and from there.
inline constexpr std::uint16_t kChecksumStart = kEthernetBytes + kIpv4Bytes;
/// Of the IPv4 header's own checksum (RFC 791 §3.1).
inline constexpr std::uint16_t kIpv4ChecksumAt = kEthernetBytes + 10;
inline constexpr std::uint16_t kChecksumOffset = 6; // RFC 768: the fourth field of the UDP header

/// What the UDP checksum of one packet is made of.
struct UdpChecksum {
    core::ChecksumMode mode = core::ChecksumMode::kNone;
    std::uint16_t payload_sum = 0; ///< kSidecar: folded one's-complement sum of the payload
};

/// Writes packet headers from a template: what is the same for the whole flow is laid down once.
/// IPv4 with DF, no options; UDP with a checksum for which nobody reads the payload.
class PacketHeader {
  public:
    PacketHeader(const core::LinkEnd& local, const core::LinkEnd& peer, std::uint32_t flow);

    /// One packet's headers at `out`. `payload_bytes` <= payload_room(65535).
    void write(std::span<std::byte, kPacketHeaderBytes> out, std::uint64_t sequence,
               std::uint64_t offset, std::uint32_t payload_bytes,
               UdpChecksum checksum = {}) const noexcept;

  private:
    std::array<std::byte, kPacketHeaderBytes> template_{};
    // One's-complement sums (RFC 1071) of parts of the template, length and id being 0.
    std::uint32_t ipv4_sum_ = 0;
    std::uint32_t pseudo_sum_ = 0;
    std::uint32_t ports_sum_ = 0;
    std::uint32_t flow_;
};

} // namespace pagewire::dataplane
