// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/packet_header.hpp"

#include "core/checksum.hpp"

#include "tests/support/random_bytes.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::dataplane {
namespace {

using Packet = std::array<std::byte, kPacketHeaderBytes>;

const core::LinkEnd kLocal{.ipv4 = htonl(0xC6336401),
                           .port = 40000,
                           .mac = {0x02, 0x00, 0x00, 0x00, 0x00, 0x0A}}; // 198.51.100.1
const core::LinkEnd kPeer{.ipv4 = htonl(0xC6336402),
                          .port = 9400,
                          .mac = {0x02, 0x00, 0x00, 0x00, 0x00, 0x0B}}; // 198.51.100.2

Packet write(std::uint64_t sequence, std::uint64_t offset, std::uint32_t payload_bytes)
{
    Packet packet;
    packet.fill(std::byte{0xEE}); // the slot's last use
    PacketHeader(kLocal, kPeer, 0xF10F10AB).write(packet, sequence, offset, payload_bytes);
    return packet;
}

std::string hex(std::span<const std::byte> octets)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const std::byte octet : octets) {
        const auto value = std::to_integer<unsigned>(octet);
        text += {digits[value >> 4], digits[value & 15], ' '};
    }
    return text;
}

/// The value of a field, in network byte order on the wire.
std::uint64_t field(std::span<const std::byte> packet, std::size_t at, std::size_t num_octets)
{
    std::uint64_t value = 0;
    for (const std::byte octet : packet.subspan(at, num_octets))
        value = value << 8 | std::to_integer<std::uint64_t>(octet);
    return value;
}

TEST(PacketHeader, OctetByOctet)
{
    struct Field {
        const char* name;
        std::string_view octets;
    };

    constexpr std::array fields{
        Field{"Ethernet, to", "02 00 00 00 00 0b "},
        Field{"Ethernet, from", "02 00 00 00 00 0a "},
        Field{"Ethernet, type IPv4", "08 00 "},
        Field{"IPv4, version 4 of 5 words, no service class", "45 00 "},
        Field{"IPv4, total length 20 + 8 + 24 + 8192", "20 34 "},
        Field{"IPv4, id from the sequence", "67 89 "},
        Field{"IPv4, DF, no fragment", "40 00 "},
        Field{"IPv4, TTL 64, UDP", "40 11 "},
        Field{"IPv4, checksum", "5e c5 "},
        Field{"IPv4, from 198.51.100.1", "c6 33 64 01 "},
        Field{"IPv4, to 198.51.100.2", "c6 33 64 02 "},
        Field{"UDP, from port 40000", "9c 40 "},
        Field{"UDP, to port 9400", "24 b8 "},
        Field{"UDP, length 8 + 24 + 8192", "20 20 "},
        Field{"UDP, no checksum", "00 00 "},
        Field{"flow", "f1 0f 10 ab "},
        Field{"length 8192", "20 00 "},
        Field{"data, version 1", "01 01 "},
        Field{"sequence", "00 00 00 01 23 45 67 89 "},
        Field{"offset", "00 00 00 ab cd ef 01 23 "},
    };
    const std::string packet = hex(write(0x123456789, 0xABCDEF0123, 8192));
    std::size_t at = 0;
    for (const auto& [name, octets] : fields) {
        EXPECT_EQ(packet.substr(at, octets.size()), octets) << name;
        at += octets.size();
    }
    EXPECT_EQ(at, packet.size());
}

TEST(PacketHeader, AddressesAndPortsOfBothEnds)
{
    const Packet packet = write(0, 0, 1);
    EXPECT_EQ(field(packet, 26, 4), 0xC6336401U);
    EXPECT_EQ(field(packet, 30, 4), 0xC6336402U);
    EXPECT_EQ(field(packet, 34, 2), 40000U);
    EXPECT_EQ(field(packet, 36, 2), 9400U);
}

TEST(PacketHeader, RoomForThePayload)
{
    EXPECT_EQ(kPacketHeaderBytes, 66U);
    EXPECT_EQ(payload_room(1500), 1448U);
    EXPECT_EQ(payload_room(576), 524U);
    EXPECT_EQ(payload_room(65535), 65483U);
}

/// A receiver's check (RFC 1071 §1): with the checksum in it, the header's words add up to 0xffff.
/// Added octet by octet here, with the carry put back at once.
std::uint32_t sum_of_ipv4(const Packet& packet)
{
    std::uint32_t sum = 0;
    for (std::size_t at = 14; at < 34; at += 2) {
        sum += static_cast<std::uint32_t>(field(packet, at, 2));
        if (sum > 0xffff)
            sum -= 0xffff;
    }
    return sum;
}

TEST(PacketHeader, Ipv4ChecksumAndLengthsOfManyPackets)
{
    tests::Random random(1);
    for (int i = 0; i < 50'000; ++i) {
        const std::uint64_t sequence = i < 20 ? static_cast<std::uint64_t>(i) + 0xFFF8 : random();
        const auto payload = static_cast<std::uint32_t>(i == 0 ? payload_room(65535)
                                                               : 1 + tests::below(random, 65483));
        const Packet packet = write(sequence, random(), payload);
        ASSERT_EQ(sum_of_ipv4(packet), 0xffffU) << sequence << ' ' << payload;
        ASSERT_EQ(field(packet, 16, 2), payload + 52) << "IPv4 total length";
        ASSERT_EQ(field(packet, 38, 2), payload + 32) << "UDP length";
        ASSERT_EQ(field(packet, 40, 2), 0U) << "UDP checksum";
        ASSERT_EQ(field(packet, 18, 2), sequence & 0xffff) << "IPv4 id";
    }
}

TEST(PacketHeader, ChecksumOfEveryId)
{
    for (std::uint64_t sequence = 0; sequence < 65536; ++sequence)
        ASSERT_EQ(sum_of_ipv4(write(sequence, 0, 1448)), 0xffffU) << sequence;
}

/// What the sink makes of it.
TEST(PacketHeader, FlowHeaderIsRead)
{
    const Packet packet = write(77, 4096, 100);
    std::vector<std::byte> datagram(packet.begin() + 42, packet.end());
    datagram.resize(core::kFlowHeaderBytes + 100);
    const core::FlowHeader expected{.flow = 0xF10F10AB,
                                    .length = 100,
                                    .kind = core::FlowHeader::Kind::kData,
                                    .sequence = 77,
                                    .offset = 4096};
    EXPECT_EQ(core::decode_flow_header(datagram), expected);
}

std::vector<std::byte> octets(std::initializer_list<int> values)
{
    std::vector<std::byte> result;
    for (const int value : values)
        result.push_back(static_cast<std::byte>(value));
    return result;
}

/// RFC 1071 §3: 0001 f203 f4f5 f6f7 add up to ddf2, carries included.
TEST(Checksum, ExampleOfTheRfc)
{
    const std::uint32_t sum =
        core::checksum_add(0, octets({0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}));
    EXPECT_EQ(sum, 0x2ddf0U);
    EXPECT_EQ(core::checksum_finish(sum), 0x220dU); // ~ddf2
}

TEST(Checksum, OddOctetIsTheHighHalfOfAWord)
{
    EXPECT_EQ(core::checksum_add(0, octets({0x12})), 0x1200U);
    EXPECT_EQ(core::checksum_add(1, octets({0x12, 0x34, 0x56})), 0x1234U + 0x5600U + 1);
}

TEST(Checksum, FoldsUntilNoCarryIsLeft)
{
    EXPECT_EQ(core::checksum_finish(0), 0xffffU);
    EXPECT_EQ(core::checksum_finish(0xffff), 0U);
    EXPECT_EQ(core::checksum_finish(0x1ffff), 0xfffeU); // 1ffff -> 10000 -> 1
    EXPECT_EQ(core::checksum_finish(0xffffffff), 0U);
}

TEST(Checksum, InPartsAsInOne)
{
    const auto whole = tests::random_bytes(1000, 1);
    const std::span all(whole);
    EXPECT_EQ(core::checksum_finish(
                  core::checksum_add(core::checksum_add(0, all.first(400)), all.subspan(400))),
              core::checksum_finish(core::checksum_add(0, all)));
}

} // namespace
} // namespace pagewire::dataplane
