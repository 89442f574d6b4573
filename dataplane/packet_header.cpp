// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/packet_header.hpp"

#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cstring>

namespace pagewire::dataplane {

namespace {

static_assert(sizeof(ether_header) == kEthernetBytes && sizeof(iphdr) == kIpv4Bytes &&
                  sizeof(udphdr) == kUdpBytes,
              "protocol headers are written as these structs: no padding");

constexpr std::size_t kIpv4At = kEthernetBytes;
constexpr std::size_t kUdpAt = kIpv4At + kIpv4Bytes;
constexpr std::size_t kFlowAt = kUdpAt + kUdpBytes;
constexpr std::uint8_t kTimeToLive = 64;

/// Puts one 16-bit field, in network byte order, at an octet offset that need not be aligned.
void put16(std::byte* at, std::uint16_t host_value) noexcept
{
    const std::uint16_t wire = htons(host_value);
    std::memcpy(at, &wire, sizeof(wire));
}

} // namespace

std::uint32_t checksum_add(std::uint32_t sum, std::span<const std::byte> octets) noexcept
{
    for (std::size_t i = 0; i + 1 < octets.size(); i += 2) {
        sum += (std::to_integer<std::uint32_t>(octets[i]) << 8) |
               std::to_integer<std::uint32_t>(octets[i + 1]);
    }
    if (octets.size() % 2 != 0)
        sum += std::to_integer<std::uint32_t>(octets.back()) << 8;
    return sum;
}

std::uint16_t checksum_finish(std::uint32_t sum) noexcept
{
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

PacketHeader::PacketHeader(const core::LinkEnd& local, const core::LinkEnd& peer,
                           std::uint32_t flow)
    : flow_(flow)
{
    ether_header ethernet{};
    std::copy(peer.mac.begin(), peer.mac.end(), ethernet.ether_dhost);
    std::copy(local.mac.begin(), local.mac.end(), ethernet.ether_shost);
    ethernet.ether_type = htons(ETHERTYPE_IP);

    iphdr ipv4{};
    ipv4.version = IPVERSION;
    ipv4.ihl = kIpv4Bytes / 4;
    ipv4.frag_off = htons(IP_DF);
    ipv4.ttl = kTimeToLive;
    ipv4.protocol = IPPROTO_UDP;
    ipv4.saddr = local.ipv4;
    ipv4.daddr = peer.ipv4;

    udphdr udp{};
    udp.source = htons(local.port);
    udp.dest = htons(peer.port);

    std::memcpy(template_.data(), &ethernet, sizeof(ethernet));
    std::memcpy(template_.data() + kIpv4At, &ipv4, sizeof(ipv4));
    std::memcpy(template_.data() + kUdpAt, &udp, sizeof(udp));
    ipv4_sum_ = checksum_add(0, std::span(template_).subspan<kIpv4At, kIpv4Bytes>());
}

void PacketHeader::write(std::span<std::byte, kPacketHeaderBytes> out, std::uint64_t sequence,
                         std::uint64_t offset, std::uint32_t payload_bytes) const noexcept
{
    const auto udp_bytes =
        static_cast<std::uint16_t>(kUdpBytes + core::kFlowHeaderBytes + payload_bytes);
    const auto ipv4_bytes = static_cast<std::uint16_t>(kIpv4Bytes + udp_bytes);
    const auto ipv4_id = static_cast<std::uint16_t>(sequence);

    std::memcpy(out.data(), template_.data(), kFlowAt);
    std::byte* ipv4 = out.data() + kIpv4At;
    put16(ipv4 + offsetof(iphdr, tot_len), ipv4_bytes);
    put16(ipv4 + offsetof(iphdr, id), ipv4_id);
    put16(ipv4 + offsetof(iphdr, check), checksum_finish(ipv4_sum_ + ipv4_bytes + ipv4_id));
    put16(out.data() + kUdpAt + offsetof(udphdr, len), udp_bytes);
    core::encode_flow_header({.flow = flow_,
                              .length = static_cast<std::uint16_t>(payload_bytes),
                              .kind = core::FlowHeader::Kind::kData,
                              .sequence = sequence,
                              .offset = offset},
                             out.subspan<kFlowAt, core::kFlowHeaderBytes>());
}

} // namespace pagewire::dataplane
