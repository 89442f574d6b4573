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

/// Writes packet headers from a template: what is the same for the whole flow is laid down once.
/// IPv4 with DF, no options; UDP checksum 0, "transmitter generated no checksum" (RFC 768): nobody
/// reads the payload.
class PacketHeader {
  public:
    PacketHeader(const core::LinkEnd& local, const core::LinkEnd& peer, std::uint32_t flow);

    /// One packet's headers at `out`. `payload_bytes` <= payload_room(65535).
    void write(std::span<std::byte, kPacketHeaderBytes> out, std::uint64_t sequence,
               std::uint64_t offset, std::uint32_t payload_bytes) const noexcept;

  private:
    std::array<std::byte, kPacketHeaderBytes> template_{};
    std::uint32_t ipv4_sum_ =
        0; // one's-complement sum of the template's IPv4 header (RFC 1071), length and id 0
    std::uint32_t flow_;
};

/// RFC 1071: one's-complement sum of 16-bit words, not inverted, not folded.
[[nodiscard]] std::uint32_t checksum_add(std::uint32_t sum,
                                         std::span<const std::byte> octets) noexcept;

/// RFC 1071: folds to 16 bits and inverts.
[[nodiscard]] std::uint16_t checksum_finish(std::uint32_t sum) noexcept;

} // namespace pagewire::dataplane
