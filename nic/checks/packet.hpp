// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

/// What stands in a captured frame: Ethernet II with VLAN tags (IEEE 802.1Q), IPv4 (RFC 791) or
/// IPv6 (RFC 8200) without extension headers but the fragment's, TCP (RFC 9293) or UDP (RFC 768).
namespace pagewire::nic {

enum class IpVersion : std::uint8_t { k4 = 4, k6 = 6 };

/// Views into the frame's octets, which outlive it. Numbers are in host byte order.
struct Packet {
    std::vector<std::uint16_t> vlan_ids; ///< of tags in the frame, outermost first
    IpVersion version = IpVersion::k4;
    std::uint16_t ip_id = 0;    ///< IPv4 only
    bool dont_fragment = false; ///< IPv4 only
    bool is_fragment = false;
    std::uint32_t fragment_offset = 0; ///< octets; ports and flags stand in the first fragment only
    std::uint8_t protocol = 0;         ///< IPPROTO_TCP, IPPROTO_UDP, others
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint32_t tcp_sequence = 0;
    std::uint8_t tcp_flags = 0;         ///< FIN 1, SYN 2, RST 4, PSH 8, ACK 16
    std::size_t transport_at = 0;       ///< octets from the frame's start to the TCP or UDP header
    std::span<const std::byte> network; ///< from the IP header to the end of the IP packet
    std::span<const std::byte> transport; ///< from the TCP or UDP header on
    std::span<const std::byte> payload;   ///< behind it
};

/// Nothing for a frame that is no such packet, or is cut short. Reads nothing outside of `frame`,
/// whatever it holds.
[[nodiscard]] std::optional<Packet> parse_packet(std::span<const std::byte> frame);

/// Whether the IPv4 header's checksum is right (RFC 791 §3.1); true for IPv6, which has none.
[[nodiscard]] bool is_ip_checksum_valid(const Packet& packet);

/// Whether the checksum of a whole TCP or UDP packet is right: pseudo header (RFC 9293 §3.1, RFC
/// 8200 §8.1) and all octets. A UDP checksum of 0 over IPv4 says that there is none: not valid
/// here.
[[nodiscard]] bool is_transport_checksum_valid(const Packet& packet);

/// The one's-complement sum that a sender leaves in the checksum field for the device to finish
/// (pseudo header alone), as octets of the field.
[[nodiscard]] std::uint16_t pseudo_header_sum(const Packet& packet);

} // namespace pagewire::nic
