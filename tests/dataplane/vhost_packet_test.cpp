// SPDX-License-Identifier: BSD-3-Clause
// Packets as a software NIC finds them: cut into buffers anywhere, and not to be believed.
#include "core/checksum.hpp"
#include "dataplane/packet_header.hpp"
#include "dataplane/vhost_packet.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace pagewire::dataplane {
namespace {

constexpr std::size_t kVirtioBytes = 12;
constexpr std::size_t kPayloadBytes = 5000;
constexpr std::uint64_t kBase = 0x10000;

/// One packet behind virtio's header, in one piece of memory, and a chain of it cut anywhere.
class VhostPacketTest : public testing::Test {
  protected:
    VhostPacketTest() : octets_(kVirtioBytes + kPacketHeaderBytes + kPayloadBytes)
    {
        for (std::size_t i = 0; i < kPayloadBytes; ++i)
            payload()[i] = static_cast<std::byte>(i * 7 + i / 256);
        write({});
    }

    std::span<std::byte> packet() { return std::span(octets_).subspan(kVirtioBytes); }

    std::span<std::byte> payload() { return packet().subspan(kPacketHeaderBytes); }

    void write(UdpChecksum checksum)
    {
        PacketHeader({.ipv4 = 0x010012C6, .port = 1000}, {.ipv4 = 0x020012C6, .port = 2000}, 77)
            .write(packet().first<kPacketHeaderBytes>(), 3, 4096, kPayloadBytes, checksum);
    }

    VhostPacket cut_at(const std::vector<std::size_t>& places)
    {
        segments_.clear();
        std::size_t from = 0;
        const auto add = [&](std::size_t to) {
            segments_.push_back(
                {.guest_addr = kBase + from, .bytes = std::span(octets_).subspan(from, to - from)});
            from = to;
        };
        std::for_each(places.begin(), places.end(), add);
        add(octets_.size());
        return VhostPacket({.head = 0, .well_formed = true, .segments = segments_}, kVirtioBytes);
    }

    std::vector<std::byte> octets_;
    std::vector<ChainSegment> segments_;
};

TEST_F(VhostPacketTest, IsTheSameWhereverItIsCut)
{
    const std::vector<std::vector<std::size_t>> cuts{
        {}, {12}, {12, 78}, {5}, {12, 20, 40, 77, 79}, {1, 2, 3, 4174}, {12, 78, 78, 4096}};
    for (const auto& cut : cuts) {
        SCOPED_TRACE(testing::PrintToString(cut));
        const VhostPacket packet = cut_at(cut);
        ASSERT_TRUE(packet.header().has_value());
        EXPECT_EQ(packet.header()->flow, 77U);
        EXPECT_EQ(packet.header()->sequence, 3U);
        EXPECT_EQ(packet.header()->offset, 4096U);
        EXPECT_EQ(packet.header()->length, kPayloadBytes);
        EXPECT_EQ(packet.bytes(), kPacketHeaderBytes + kPayloadBytes);
        std::vector<std::byte> copy(kPayloadBytes);
        packet.copy_payload(copy);
        EXPECT_TRUE(std::equal(copy.begin(), copy.end(), payload().begin()));
    }
}

TEST_F(VhostPacketTest, CountsTheBuffersBehindVirtiosHeader)
{
    EXPECT_EQ(cut_at({12, 78, 4174}).num_segments(), 3U);
    EXPECT_EQ(cut_at({}).num_segments(), 1U);
    EXPECT_EQ(cut_at({6, 12}).num_segments(), 1U);
}

TEST_F(VhostPacketTest, TellsPayloadByItsAddresses)
{
    const VhostPacket packet = cut_at({12, 78, 1078}); // payload: 1000 and 4000
    const std::uint64_t first = kBase + 78;
    EXPECT_EQ(packet.payload_bytes_in({.begin = first, .bytes = kPayloadBytes}), kPayloadBytes);
    EXPECT_EQ(packet.payload_bytes_in({.begin = first, .bytes = 1000}), 1000U);
    EXPECT_EQ(packet.payload_bytes_in({.begin = first, .bytes = 999}), 0U); // whole buffers
    EXPECT_EQ(packet.payload_bytes_in({.begin = first + 1000, .bytes = 4000}), 4000U);
    EXPECT_EQ(packet.payload_bytes_in({.begin = first + 1, .bytes = ~0ULL}), 4000U);
    EXPECT_EQ(packet.payload_bytes_in({}), 0U);
}

TEST_F(VhostPacketTest, JudgesTheUdpChecksum)
{
    EXPECT_TRUE(cut_at({12, 78}).checksum_is_right()); // none
    core::OnesComplementSum sum;
    sum.add(payload());
    write({.mode = core::ChecksumMode::kSidecar, .payload_sum = sum.folded()});
    for (const std::size_t cut : {std::size_t{78}, std::size_t{79}, std::size_t{1111}})
        EXPECT_TRUE(cut_at({12, cut}).checksum_is_right()) << cut;
    payload()[4000] ^= std::byte{1};
    EXPECT_FALSE(cut_at({12, 78}).checksum_is_right());
}

/// virtio_net_hdr (virtio 1.1 §5.1.6): flags at 0, csum_start at 6, csum_offset at 8.
TEST_F(VhostPacketTest, JudgesAChecksumThatIsLeftToTheNic)
{
    write({.mode = core::ChecksumMode::kOffload, .payload_sum = 0});
    EXPECT_FALSE(cut_at({12, 78}).leaves_checksum());
    EXPECT_FALSE(cut_at({12, 78}).checksum_is_right()); // half a sum that nobody completes
    octets_[0] = std::byte{1};
    octets_[6] = std::byte{34};
    octets_[8] = std::byte{6};
    for (const auto& cut : std::vector<std::vector<std::size_t>>{{12, 78}, {}, {1, 7, 9, 50}}) {
        EXPECT_TRUE(cut_at(cut).leaves_checksum());
        EXPECT_TRUE(cut_at(cut).checksum_is_right());
    }
    const auto is_wrong = [this](std::size_t at, std::byte value) {
        const std::byte before = octets_[at];
        octets_[at] = value;
        const bool wrong = !cut_at({12, 78}).checksum_is_right();
        octets_[at] = before;
        return wrong;
    };
    EXPECT_TRUE(is_wrong(6, std::byte{14}));                     // from elsewhere
    EXPECT_TRUE(is_wrong(8, std::byte{16}));                     // to elsewhere
    EXPECT_TRUE(is_wrong(12 + 26, std::byte{199}));              // another sender's pseudo header
    EXPECT_TRUE(is_wrong(12 + 40, packet()[40] ^ std::byte{1})); // the field itself
    EXPECT_FALSE(is_wrong(100, octets_[100] ^ std::byte{1}));    // the payload: the NIC adds it
}

TEST_F(VhostPacketTest, RefusesWhatIsNoDatagramOfItsLength)
{
    const auto refuses = [this](std::size_t at, std::byte value) {
        const std::byte before = packet()[at];
        packet()[at] = value;
        const bool refused = !cut_at({12, 78}).header().has_value();
        packet()[at] = before;
        return refused;
    };
    EXPECT_FALSE(refuses(0, std::byte{9}));   // a MAC address is no matter
    EXPECT_TRUE(refuses(12, std::byte{9}));   // EtherType
    EXPECT_TRUE(refuses(14, std::byte{70}));  // IPv4 with options
    EXPECT_TRUE(refuses(23, std::byte{6}));   // TCP
    EXPECT_TRUE(refuses(38, std::byte{255})); // longer than the packet
    EXPECT_TRUE(refuses(38, std::byte{0}));   // shorter than its payload
    EXPECT_FALSE(VhostPacket({.segments = {}}, kVirtioBytes).header().has_value());
}

} // namespace
} // namespace pagewire::dataplane
