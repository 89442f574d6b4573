// SPDX-License-Identifier: BSD-3-Clause
// The software NIC's honest half: a large send, and the exact frames that it stands for.
#include "tests/nic/packet_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

namespace pagewire::nic {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

VnetHeader large(std::uint8_t gso_type, std::uint16_t gso_size)
{
    VnetHeader header;
    header.flags = kVnetNeedsChecksum;
    header.gso_type = gso_type;
    header.gso_size = gso_size;
    return header;
}

TEST(WireFrames, TcpOverIpv4IsCutWithIdsThatCountUpAndFlagsOnTheLast)
{
    const Octets send = build({.ip_id = 65535,
                               .sequence = 0xffffff00,
                               .flags = kAck | kPush | kFin,
                               .tcp_option_words = 3,
                               .payload_bytes = 2500});
    EXPECT_THAT(wire_frames(large(kVnetGsoTcpv4, 1000), send),
                ElementsAre(build({.ip_id = 65535,
                                   .sequence = 0xffffff00,
                                   .flags = kAck,
                                   .tcp_option_words = 3,
                                   .payload_bytes = 1000}),
                            build({.ip_id = 0,
                                   .sequence = 0xffffff00 + 1000,
                                   .flags = kAck,
                                   .tcp_option_words = 3,
                                   .payload_bytes = 1000,
                                   .payload_from = 1000}),
                            build({.ip_id = 1,
                                   .sequence = 0xffffff00 + 2000,
                                   .flags = kAck | kPush | kFin,
                                   .tcp_option_words = 3,
                                   .payload_bytes = 500,
                                   .payload_from = 2000})));
}

TEST(WireFrames, TcpOverIpv6InsideOfAVlan)
{
    const Octets send = build({.version = IpVersion::k6,
                               .vlan_ids = {100},
                               .sequence = 7,
                               .flags = kAck | kPush,
                               .payload_bytes = 15});
    EXPECT_THAT(
        wire_frames(large(kVnetGsoTcpv6, 10), send),
        ElementsAre(
            build(
                {.version = IpVersion::k6, .vlan_ids = {100}, .sequence = 7, .payload_bytes = 10}),
            build({.version = IpVersion::k6,
                   .vlan_ids = {100},
                   .sequence = 17,
                   .flags = kAck | kPush,
                   .payload_bytes = 5,
                   .payload_from = 10})));
}

TEST(WireFrames, UdpIsCutIntoDatagramsOfTheirOwnLength)
{
    for (const IpVersion version : {IpVersion::k4, IpVersion::k6}) {
        const Octets send =
            build({.version = version, .protocol = IPPROTO_UDP, .ip_id = 9, .payload_bytes = 21});
        EXPECT_THAT(
            wire_frames(large(kVnetGsoUdpL4, 10), send),
            ElementsAre(
                build(
                    {.version = version, .protocol = IPPROTO_UDP, .ip_id = 9, .payload_bytes = 10}),
                build({.version = version,
                       .protocol = IPPROTO_UDP,
                       .ip_id = 10,
                       .payload_bytes = 10,
                       .payload_from = 10}),
                build({.version = version,
                       .protocol = IPPROTO_UDP,
                       .ip_id = 11,
                       .payload_bytes = 1,
                       .payload_from = 20})));
    }
}

TEST(WireFrames, WindowReducedIsSaidOnceAndOnTheFirst)
{
    constexpr std::uint8_t reduced = 0x80; // RFC 3168 §6.1.2
    const Octets send = build({.flags = kAck | reduced, .payload_bytes = 20});
    const auto segments = wire_frames(large(kVnetGsoTcpv4, 10), send);
    ASSERT_EQ(segments.size(), 2U);
    EXPECT_EQ(parse_packet(segments[0])->tcp_flags, kAck | reduced);
    EXPECT_EQ(parse_packet(segments[1])->tcp_flags, kAck);
}

TEST(WireFrames, ExactMultipleHasNoEmptySegment)
{
    EXPECT_THAT(segment_sizes(30, 10), ElementsAre(10, 10, 10));
    EXPECT_THAT(segment_sizes(31, 10), ElementsAre(10, 10, 10, 1));
    EXPECT_THAT(segment_sizes(9, 10), ElementsAre(9));
    EXPECT_THAT(segment_sizes(0, 10), IsEmpty());
}

TEST(WireFrames, PendingChecksumIsFinished)
{
    for (const IpVersion version : {IpVersion::k4, IpVersion::k6}) {
        for (const std::uint8_t protocol : std::array<std::uint8_t, 2>{IPPROTO_TCP, IPPROTO_UDP}) {
            const Octets right = build(
                {.version = version, .protocol = protocol, .payload_bytes = 33}); // an odd number
            const auto packet = parse_packet(right);
            Octets pending = right;
            VnetHeader asked;
            asked.flags = kVnetNeedsChecksum;
            asked.csum_start = static_cast<std::uint16_t>(packet->transport_at);
            asked.csum_offset = protocol == IPPROTO_TCP ? 16 : 6;
            put16(pending, std::size_t{asked.csum_start} + asked.csum_offset,
                  pseudo_header_sum(*packet));
            EXPECT_NE(pending, right);
            EXPECT_THAT(wire_frames(asked, pending), ElementsAre(right));
        }
    }
}

TEST(WireFrames, FrameWithNothingLeftToDoIsSentAsItIs)
{
    const Octets frame = {std::byte{1}, std::byte{2}, std::byte{3}};
    EXPECT_THAT(wire_frames({}, frame), ElementsAre(frame));
    EXPECT_THAT(wire_frames(large(kVnetGsoTcpv4, 10), frame), IsEmpty()) << "nobody can cut it";
}

} // namespace
} // namespace pagewire::nic
