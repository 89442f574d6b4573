// SPDX-License-Identifier: BSD-3-Clause
#include "nic/checks/packet.hpp"

#include "core/checksum.hpp"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>

namespace pagewire::nic {

namespace {

constexpr std::size_t kVlanTagBytes = 4;
constexpr std::size_t kIpv4Bytes = 20; // without options
constexpr std::size_t kIpv6Bytes = 40;
constexpr std::size_t kFragmentHeaderBytes = 8;
constexpr std::size_t kTcpBytes = 20; // without options
constexpr std::size_t kUdpBytes = 8;

/// Big-endian numbers at places that the caller has made sure of.
std::uint16_t get16(std::span<const std::byte> octets, std::size_t at)
{
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(octets[at]) << 8U |
                                      std::to_integer<unsigned>(octets[at + 1]));
}

std::uint32_t get32(std::span<const std::byte> octets, std::size_t at)
{
    return std::uint32_t{get16(octets, at)} << 16U | get16(octets, at + 2);
}

/// The IP packet without what pads a short frame; nothing where the frame is cut short.
std::optional<std::span<const std::byte>> without_padding(std::span<const std::byte> octets,
                                                          std::size_t bytes)
{
    if (bytes > octets.size())
        return std::nullopt;
    return octets.first(bytes);
}

/// How the IP header goes on: where the next one is, in `packet.network`. 0: damaged.
std::size_t parse_ipv4(Packet& packet)
{
    constexpr std::uint16_t dont_fragment = 0x4000;
    constexpr std::uint16_t more_or_offset = 0x3fff;
    constexpr std::uint16_t offset_mask = 0x1fff;
    const auto octets = packet.network;
    if (octets.size() < kIpv4Bytes)
        return 0;
    const std::size_t header = (std::to_integer<std::size_t>(octets[0]) & 0xfU) * 4;
    const std::size_t total = get16(octets, 2);
    const auto whole = without_padding(octets, total);
    if (header < kIpv4Bytes || total < header || !whole)
        return 0;
    packet.network = *whole;
    packet.ip_id = get16(octets, 4);
    packet.dont_fragment = (get16(octets, 6) & dont_fragment) != 0;
    packet.is_fragment = (get16(octets, 6) & more_or_offset) != 0;
    packet.fragment_offset = (get16(octets, 6) & offset_mask) * 8U;
    packet.protocol = std::to_integer<std::uint8_t>(octets[9]);
    return header;
}

std::size_t parse_ipv6(Packet& packet)
{
    const auto octets = packet.network;
    if (octets.size() < kIpv6Bytes)
        return 0;
    const auto whole = without_padding(octets, kIpv6Bytes + get16(octets, 4));
    if (!whole)
        return 0;
    packet.network = *whole;
    packet.protocol = std::to_integer<std::uint8_t>(octets[6]);
    if (packet.protocol != IPPROTO_FRAGMENT)
        return kIpv6Bytes;
    if (packet.network.size() < kIpv6Bytes + kFragmentHeaderBytes)
        return 0;
    packet.is_fragment = true;
    packet.fragment_offset = get16(octets, kIpv6Bytes + 2) & 0xfff8U; // RFC 8200 §4.5
    packet.protocol = std::to_integer<std::uint8_t>(octets[kIpv6Bytes]);
    return kIpv6Bytes + kFragmentHeaderBytes;
}

bool parse_transport(Packet& packet)
{
    const auto octets = packet.transport;
    if (packet.fragment_offset > 0 ||
        (packet.protocol != IPPROTO_TCP && packet.protocol != IPPROTO_UDP)) {
        packet.payload = octets;
        return true;
    }
    const bool tcp = packet.protocol == IPPROTO_TCP;
    if (octets.size() < (tcp ? kTcpBytes : kUdpBytes))
        return false;
    packet.source_port = get16(octets, 0);
    packet.destination_port = get16(octets, 2);
    std::size_t header = kUdpBytes;
    if (tcp) {
        packet.tcp_sequence = get32(octets, 4);
        header = (std::to_integer<std::size_t>(octets[12]) >> 4U) * 4;
        packet.tcp_flags = std::to_integer<std::uint8_t>(octets[13]);
        if (header < kTcpBytes || header > octets.size())
            return false;
    }
    packet.payload = octets.subspan(header);
    return true;
}

std::uint32_t pseudo_header(const Packet& packet)
{
    constexpr std::size_t ipv4_addresses_at = 12;
    constexpr std::size_t ipv6_addresses_at = 8;
    const bool v4 = packet.version == IpVersion::k4;
    const auto addresses =
        packet.network.subspan(v4 ? ipv4_addresses_at : ipv6_addresses_at, v4 ? 8 : 32);
    return core::checksum_add(
        static_cast<std::uint32_t>(packet.transport.size() & 0xffffU) + packet.protocol, addresses);
}

} // namespace

std::optional<Packet> parse_packet(std::span<const std::byte> frame)
{
    constexpr std::size_t type_at = 12;
    if (frame.size() < ETH_HLEN)
        return std::nullopt;
    Packet packet;
    std::size_t at = type_at;
    std::uint16_t type = get16(frame, at);
    while (type == ETH_P_8021Q || type == ETH_P_8021AD) {
        if (frame.size() < at + kVlanTagBytes + 2)
            return std::nullopt;
        packet.vlan_ids.push_back(get16(frame, at + 2) & 0xfffU);
        at += kVlanTagBytes;
        type = get16(frame, at);
    }
    at += 2;
    packet.network = frame.subspan(at);
    if (packet.network.empty() || (type != ETH_P_IP && type != ETH_P_IPV6))
        return std::nullopt;
    packet.version = type == ETH_P_IP ? IpVersion::k4 : IpVersion::k6;
    if (std::to_integer<unsigned>(packet.network[0]) >> 4U != static_cast<unsigned>(packet.version))
        return std::nullopt;
    const std::size_t header =
        packet.version == IpVersion::k4 ? parse_ipv4(packet) : parse_ipv6(packet);
    if (header == 0)
        return std::nullopt;
    packet.transport_at = at + header;
    packet.transport = packet.network.subspan(header);
    if (!parse_transport(packet))
        return std::nullopt;
    return packet;
}

bool is_ip_checksum_valid(const Packet& packet)
{
    if (packet.version == IpVersion::k6)
        return true;
    const auto header = packet.network.first(packet.network.size() - packet.transport.size());
    return core::checksum_finish(core::checksum_add(0, header)) == 0;
}

bool is_transport_checksum_valid(const Packet& packet)
{
    constexpr std::size_t udp_checksum_at = 6;
    if (packet.is_fragment || packet.transport.size() < kUdpBytes ||
        (packet.protocol != IPPROTO_TCP && packet.protocol != IPPROTO_UDP))
        return false;
    if (packet.protocol == IPPROTO_UDP && get16(packet.transport, udp_checksum_at) == 0)
        return false;
    core::OnesComplementSum sum;
    sum.add(packet.transport);
    return core::checksum_finish(pseudo_header(packet) + sum.folded()) == 0;
}

std::uint16_t pseudo_header_sum(const Packet& packet)
{
    return static_cast<std::uint16_t>(~core::checksum_finish(pseudo_header(packet)));
}

} // namespace pagewire::nic
