// SPDX-License-Identifier: BSD-3-Clause
// What stands in a frame, and whether its checksums are right.
#include "tests/nic/packet_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pagewire::nic {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

bool is_right(const Packet& packet)
{
    return is_ip_checksum_valid(packet) && is_transport_checksum_valid(packet);
}

/// One of each kind.
std::vector<PacketSpec> kinds()
{
    std::vector<PacketSpec> specs;
    for (const IpVersion version : {IpVersion::k4, IpVersion::k6}) {
        for (const std::uint8_t protocol : std::array<std::uint8_t, 2>{IPPROTO_TCP, IPPROTO_UDP}) {
            specs.push_back({.version = version, .protocol = protocol, .payload_bytes = 11});
            specs.push_back({.version = version,
                             .protocol = protocol,
                             .vlan_ids = {7, 100},
                             .ip_option_words = 2,
                             .tcp_option_words = 3,
                             .payload_bytes = 8});
        }
    }
    return specs;
}

TEST(Packet, TcpOverIpv4)
{
    const Octets frame = build({.ip_id = 77,
                                .source_port = 1234,
                                .destination_port = 80,
                                .sequence = 0x12345678,
                                .flags = kAck | kPush,
                                .payload_bytes = 5});
    const auto packet = parse_packet(frame);
    ASSERT_TRUE(packet);
    EXPECT_THAT(packet->vlan_ids, IsEmpty());
    EXPECT_EQ(packet->version, IpVersion::k4);
    EXPECT_EQ(packet->ip_id, 77);
    EXPECT_TRUE(packet->dont_fragment);
    EXPECT_FALSE(packet->is_fragment);
    EXPECT_EQ(packet->protocol, IPPROTO_TCP);
    EXPECT_EQ(packet->source_port, 1234);
    EXPECT_EQ(packet->destination_port, 80);
    EXPECT_EQ(packet->tcp_sequence, 0x12345678U);
    EXPECT_EQ(packet->tcp_flags, kAck | kPush);
    EXPECT_EQ(packet->transport_at, 34U);
    EXPECT_THAT(packet->network, SizeIs(45));
    EXPECT_THAT(packet->transport, SizeIs(25));
    EXPECT_THAT(packet->payload,
                ElementsAre(std::byte{0}, std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}));
    EXPECT_TRUE(is_right(*packet));
}

TEST(Packet, UdpOverIpv6)
{
    const Octets frame =
        build({.version = IpVersion::k6, .protocol = IPPROTO_UDP, .payload_bytes = 3});
    const auto packet = parse_packet(frame);
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->version, IpVersion::k6);
    EXPECT_EQ(packet->protocol, IPPROTO_UDP);
    EXPECT_EQ(packet->destination_port, 5001);
    EXPECT_EQ(packet->transport_at, 54U);
    EXPECT_THAT(packet->payload, SizeIs(3));
    EXPECT_TRUE(is_right(*packet));
}

TEST(Packet, VlanTagsAreReadOutermostFirst)
{
    constexpr std::uint16_t with_priority = 0xe000 | 100; // IEEE 802.1Q §9.6: id in 12 bits
    const Octets frame = build({.vlan_ids = {7, with_priority}, .payload_bytes = 1});
    const auto packet = parse_packet(frame);
    ASSERT_TRUE(packet);
    EXPECT_THAT(packet->vlan_ids, ElementsAre(7, 100));
    EXPECT_TRUE(is_right(*packet));
}

TEST(Packet, OptionsAreNoPayload)
{
    const Octets frame = build({.ip_option_words = 10, .tcp_option_words = 10, .payload_bytes = 4});
    const auto packet = parse_packet(frame);
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->transport_at, 14U + 60U);
    EXPECT_THAT(packet->payload, SizeIs(4));
    EXPECT_TRUE(is_right(*packet));
}

TEST(Packet, PaddingOfAShortFrameIsNoPayload)
{
    const Octets frame =
        build({.protocol = IPPROTO_UDP, .payload_bytes = 1, .padding_bytes = 17}); // 60 octets
    const auto packet = parse_packet(frame);
    ASSERT_TRUE(packet);
    EXPECT_THAT(packet->payload, SizeIs(1));
    EXPECT_TRUE(is_right(*packet));
}

TEST(Packet, FirstFragmentHasPortsLaterOnesHaveNot)
{
    constexpr std::uint16_t more = 0x2000;
    const Octets first = build({.protocol = IPPROTO_UDP, .ip_fragment = more, .payload_bytes = 16});
    const auto parsed_first = parse_packet(first);
    ASSERT_TRUE(parsed_first);
    EXPECT_TRUE(parsed_first->is_fragment);
    EXPECT_EQ(parsed_first->fragment_offset, 0U);
    EXPECT_EQ(parsed_first->destination_port, 5001);
    EXPECT_FALSE(is_transport_checksum_valid(*parsed_first)) << "it is over the whole packet";

    const Octets later = build({.protocol = IPPROTO_UDP, .ip_fragment = 3, .payload_bytes = 16});
    const auto parsed_later = parse_packet(later);
    ASSERT_TRUE(parsed_later);
    EXPECT_TRUE(parsed_later->is_fragment);
    EXPECT_EQ(parsed_later->fragment_offset, 24U);
    EXPECT_EQ(parsed_later->destination_port, 0);
    EXPECT_THAT(parsed_later->payload, SizeIs(24)) << "no header of its own";
    EXPECT_TRUE(is_ip_checksum_valid(*parsed_later));
    EXPECT_FALSE(is_transport_checksum_valid(*parsed_later));
}

/// IPv6 with a fragment header (RFC 8200 §4.5) and 16 octets behind it.
Octets ipv6_fragment(std::uint16_t offset_and_more)
{
    const PacketSpec spec{.version = IpVersion::k6, .protocol = IPPROTO_FRAGMENT};
    FrameWriter out;
    put_ethernet(out, spec);
    put_network(out, spec, 24);
    out.put8(IPPROTO_UDP).put8(0).put16(offset_and_more).put32(1);
    out.put16(40000).put16(5001).put16(16).put16(0).fill(8, 0);
    return out.take();
}

TEST(Packet, Ipv6Fragments)
{
    const Octets first_frame = ipv6_fragment(1);
    const auto first = parse_packet(first_frame);
    ASSERT_TRUE(first);
    EXPECT_TRUE(first->is_fragment);
    EXPECT_EQ(first->protocol, IPPROTO_UDP);
    EXPECT_EQ(first->destination_port, 5001);
    EXPECT_THAT(first->payload, SizeIs(8));

    const Octets later_frame = ipv6_fragment(1440);
    const auto later = parse_packet(later_frame);
    ASSERT_TRUE(later);
    EXPECT_EQ(later->fragment_offset, 1440U);
    EXPECT_EQ(later->destination_port, 0);
    EXPECT_THAT(later->payload, SizeIs(16));
}

TEST(Packet, OtherProtocolsHaveNoPortsAndNoValidChecksum)
{
    const Octets frame = build({.protocol = IPPROTO_SCTP, .payload_bytes = 24});
    const auto packet = parse_packet(frame);
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->protocol, IPPROTO_SCTP);
    EXPECT_EQ(packet->destination_port, 0);
    EXPECT_FALSE(is_transport_checksum_valid(*packet));
}

TEST(Packet, NothingButIpIsAPacket)
{
    FrameWriter arp;
    arp.fill(12, 0).put16(ETH_P_ARP).fill(46, 0);
    EXPECT_FALSE(parse_packet(arp.take()));
    EXPECT_FALSE(parse_packet({}));
    Octets other_version = build({});
    put16(other_version, 12, ETH_P_IPV6); // and an IPv4 header
    EXPECT_FALSE(parse_packet(other_version));
}

TEST(Packet, HeaderShorterThanItsLeastIsDamaged)
{
    Octets short_ip = build({.payload_bytes = 40});
    short_ip[14] = std::byte{0x44}; // 16 octets
    EXPECT_FALSE(parse_packet(short_ip));
    Octets short_tcp = build({.payload_bytes = 40});
    short_tcp[14 + 20 + 12] = std::byte{0x40};
    EXPECT_FALSE(parse_packet(short_tcp));
    Octets long_tcp = build({.payload_bytes = 4});
    long_tcp[14 + 20 + 12] = std::byte{0xf0}; // 60 octets, there are 24
    EXPECT_FALSE(parse_packet(long_tcp));
}

TEST(Packet, CutShortAnywhereIsNone)
{
    for (const PacketSpec& spec : kinds()) {
        const Octets frame = build(spec);
        for (std::size_t bytes = 0; bytes < frame.size(); ++bytes) {
            // In a buffer of that size, so that a sanitizer sees each read beyond it.
            const auto exact = std::make_unique<std::byte[]>(bytes);
            std::copy_n(frame.begin(), bytes, exact.get());
            EXPECT_FALSE(parse_packet(std::span<const std::byte>(exact.get(), bytes)))
                << bytes << " of " << frame.size();
        }
        EXPECT_TRUE(parse_packet(frame));
    }
}

TEST(Checksum, OfAnyLengthIsRight)
{
    for (PacketSpec spec : kinds()) {
        for (spec.payload_bytes = 0; spec.payload_bytes < 10; ++spec.payload_bytes) {
            const Octets frame = build(spec);
            EXPECT_TRUE(is_right(parse_packet(frame).value())) << spec.payload_bytes;
        }
    }
}

TEST(Checksum, KnownHeaderIsRight)
{
    FrameWriter out;
    out.fill(12, 0).put16(ETH_P_IP);
    for (const unsigned word : {0x4500U, 0x001cU, 0x0000U, 0x4000U, 0x4011U, 0xb8b8U, 0xc0a8U,
                                0x0001U, 0xc0a8U, 0x00c7U}) // sums to 0xffff
        out.put16(word);
    out.fill(8, 0);
    const Octets frame = out.take();
    const auto packet = parse_packet(frame);
    ASSERT_TRUE(packet);
    EXPECT_TRUE(is_ip_checksum_valid(*packet));
}

/// Everything from the IPv4 header on is under one checksum or the other.
TEST(Checksum, EveryTurnedBitIsSeen)
{
    for (const std::uint8_t protocol : std::array<std::uint8_t, 2>{IPPROTO_TCP, IPPROTO_UDP}) {
        Octets frame = build({.protocol = protocol, .payload_bytes = 7});
        for (std::size_t bit = std::size_t{ETH_HLEN} * 8; bit < frame.size() * 8; ++bit) {
            const std::byte mask{static_cast<std::uint8_t>(1U << bit % 8)};
            frame[bit / 8] ^= mask;
            const auto packet = parse_packet(frame);
            EXPECT_TRUE(!packet || !is_right(*packet)) << "octet " << bit / 8;
            frame[bit / 8] ^= mask;
        }
    }
}

TEST(Checksum, UdpWithoutOneIsNotRight)
{
    for (const IpVersion version : {IpVersion::k4, IpVersion::k6}) {
        Octets frame = build({.version = version, .protocol = IPPROTO_UDP, .payload_bytes = 4});
        const std::size_t field = parse_packet(frame)->transport_at + 6;
        put16(frame, field, 0);
        EXPECT_FALSE(is_transport_checksum_valid(parse_packet(frame).value()));
    }
}

TEST(Checksum, UdpOneThatComesOutAsZeroIsAllOnes)
{
    Octets frame = build({.protocol = IPPROTO_UDP, .payload_bytes = 2});
    const std::size_t field = parse_packet(frame)->transport_at + 6;
    put16(frame, field + 2, 0);
    finish_checksums(frame);
    put16(frame, field + 2, get16(frame, field)); // what is missing to all ones
    finish_checksums(frame);
    EXPECT_EQ(get16(frame, field), 0xffff); // RFC 768
    EXPECT_TRUE(is_right(parse_packet(frame).value()));
}

} // namespace
} // namespace pagewire::nic
