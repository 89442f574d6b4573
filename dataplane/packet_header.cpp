// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/packet_header.hpp"

#include "core/checksum.hpp"

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
    ipv4_sum_ = core::checksum_add(0, std::span(template_).subspan<kIpv4At, kIpv4Bytes>());
    // RFC 768: addresses, protocol; length and the rest of the header come with each packet.
    const auto addresses = std::span(template_).subspan<kIpv4At + offsetof(iphdr, saddr), 8>();
    pseudo_sum_ = core::checksum_add(IPPROTO_UDP, addresses);
    ports_sum_ = core::checksum_add(0, std::span(template_).subspan<kUdpAt, 4>());
}

void PacketHeader::write(std::span<std::byte, kPacketHeaderBytes> out, std::uint64_t sequence,
                         std::uint64_t offset, std::uint32_t payload_bytes,
                         UdpChecksum checksum) const noexcept
{
    const auto udp_bytes =
        static_cast<std::uint16_t>(kUdpBytes + core::kFlowHeaderBytes + payload_bytes);
    const auto ipv4_bytes = static_cast<std::uint16_t>(kIpv4Bytes + udp_bytes);
    const auto ipv4_id = static_cast<std::uint16_t>(sequence);

    std::memcpy(out.data(), template_.data(), kFlowAt);
    std::byte* ipv4 = out.data() + kIpv4At;
    put16(ipv4 + offsetof(iphdr, tot_len), ipv4_bytes);
    put16(ipv4 + offsetof(iphdr, id), ipv4_id);
    put16(ipv4 + offsetof(iphdr, check), core::checksum_finish(ipv4_sum_ + ipv4_bytes + ipv4_id));
    put16(out.data() + kUdpAt + offsetof(udphdr, len), udp_bytes);
    const auto flow_header = out.subspan<kFlowAt, core::kFlowHeaderBytes>();
    core::encode_flow_header({.flow = flow_,
                              .length = static_cast<std::uint16_t>(payload_bytes),
                              .kind = core::FlowHeader::Kind::kData,
                              .sequence = sequence,
                              .offset = offset},
                             flow_header);
    std::byte* check = out.data() + kUdpAt + offsetof(udphdr, check);
    switch (checksum.mode) {
    case core::ChecksumMode::kNone:
        return; // the template's 0
    case core::ChecksumMode::kOffload:
        // The device adds what begins at the UDP header to what stands there: the pseudo header's
        // sum (Documentation/networking/checksum-offloads.rst).
        put16(check, static_cast<std::uint16_t>(~core::checksum_finish(pseudo_sum_ + udp_bytes)));
        return;
    case core::ChecksumMode::kSidecar: {
        const std::uint32_t sum = pseudo_sum_ + ports_sum_ + 2U * udp_bytes + checksum.payload_sum;
        const std::uint16_t sum_of_all =
            core::checksum_finish(core::checksum_add(sum, flow_header));
        put16(check, sum_of_all == 0 ? 0xffff : sum_of_all); // RFC 768: 0 would mean none
        return;
    }
    }
}

} // namespace pagewire::dataplane
