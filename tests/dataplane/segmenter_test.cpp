// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/segmenter.hpp"

#include "core/units.hpp"
#include "dataplane/packet_header.hpp"
#include "tests/support/random_bytes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string>
#include <vector>

namespace pagewire::dataplane {
namespace {

using core::kKiB;
using ::testing::ElementsAre;
using tests::below;
using tests::Random;

constexpr unsigned kMax = Segmenter::kSlicesMax;
constexpr std::uint64_t kHeaderAddr = 32;

/// One stream and how it is to be cut.
struct Stream {
    PacketMemoryLayout layout;
    std::uint32_t mtu = 0;
    unsigned num_slices_max = kMax;
    std::uint64_t begin = 0;
    std::uint64_t length = 0;

    [[nodiscard]] std::uint64_t end() const { return begin + length; }

    [[nodiscard]] Segmenter segmenter() const
    {
        return {layout, {.payload_bytes_max = payload_room(mtu), .num_slices_max = num_slices_max}};
    }

    [[nodiscard]] std::string text() const
    {
        std::ostringstream out;
        out << "mtu " << mtu << ", " << num_slices_max << " slices, frames " << layout.num_frames
            << " of " << layout.frame_bytes << " from " << layout.frames_offset << ", stream ["
            << begin << ", " << end() << ')';
        return out.str();
    }
};

PacketMemoryLayout layout_of(std::uint32_t frame_bytes, std::uint32_t num_frames,
                             std::uint32_t num_headers = 64)
{
    const std::uint64_t headers = core::round_up<std::uint64_t>(
        std::uint64_t{num_headers} * PacketMemoryLayout::kHeaderStride, 4096);
    return PacketMemoryLayout::fit(headers + std::uint64_t{frame_bytes} * num_frames, num_headers,
                                   frame_bytes);
}

/// What is wrong with the packet of `bytes` at `position`; empty when it is as promised.
std::string fault_of_length(const Stream& stream, std::uint64_t position, std::uint32_t bytes)
{
    const std::uint64_t longest = std::min<std::uint64_t>(
        payload_room(stream.mtu),
        std::uint64_t{stream.num_slices_max} * kChunkBytes - position % kChunkBytes);
    const std::uint64_t after = position + bytes;
    const std::uint64_t to_next_page = kChunkBytes - position % kChunkBytes;
    if (bytes == 0)
        return "is empty";
    if (bytes > longest)
        return "is longer than the MTU or its slices allow";
    if (after > stream.end())
        return "goes beyond the stream";
    if (after == stream.end())
        return "";
    if (stream.end() - position <= longest)
        return "could be the last, and is not";
    if (to_next_page > longest)
        return bytes == longest ? ""
                                : "is shorter than need be, where no page boundary is in reach";
    if (after % kChunkBytes != 0)
        return "does not end on a page boundary, although one is in reach";
    return bytes + kChunkBytes > longest ? "" : "has room for one more page";
}

std::string fault_of_slices(const Stream& stream, std::uint64_t position, std::uint32_t bytes,
                            std::span<const Descriptor> slices)
{
    if (slices.empty() || slices.size() > stream.num_slices_max)
        return "has " + std::to_string(slices.size()) + " slices";
    // Frames lie one behind the other: in memory, positions go round in one piece.
    const std::uint64_t lap = stream.layout.frames_bytes();
    std::uint64_t at = position;
    for (std::size_t i = 0; i < slices.size(); ++i) {
        const auto& [addr, len, more] = slices[i];
        if (addr != stream.layout.frames_offset + at % lap)
            return "has a slice at an address that does not hold its position";
        if (len == 0 || addr / kChunkBytes != (addr + len - 1) / kChunkBytes)
            return "has a slice that is empty or crosses a chunk";
        if (more != (i + 1 < slices.size()))
            return "has a wrong `more`";
        at += len;
    }
    return at == position + bytes ? "" : "has slices that do not add up to its length";
}

/// Cuts the whole stream; each byte comes exactly once, since each packet begins where the one
/// before ended.
void expect_well_cut(const Stream& stream)
{
    const Segmenter segmenter = stream.segmenter();
    std::array<Descriptor, kMax + 1> packet{};
    for (std::uint64_t position = stream.begin; position < stream.end();) {
        const std::uint32_t bytes = segmenter.payload_bytes(position, stream.end());
        std::string fault = fault_of_length(stream, position, bytes);
        if (fault.empty()) {
            const std::size_t count = segmenter.cut(position, bytes, kHeaderAddr, packet);
            EXPECT_EQ(packet[0],
                      (Descriptor{.addr = kHeaderAddr, .len = kPacketHeaderBytes, .more = true}));
            fault =
                fault_of_slices(stream, position, bytes, std::span(packet).first(count).subspan(1));
        }
        ASSERT_EQ(fault, "") << "packet of " << bytes << " at " << position << "; "
                             << stream.text();
        position += bytes;
    }
}

TEST(Segmenter, MtuByMtu)
{
    for (std::uint32_t mtu = 576; mtu <= 65535; mtu += mtu < 10'000 ? 61 : 997) {
        for (const unsigned num_slices_max : {1U, 2U, 3U, kMax}) {
            expect_well_cut({.layout = layout_of(64 * kKiB, 3),
                             .mtu = mtu,
                             .num_slices_max = num_slices_max,
                             .begin = mtu % 4099,
                             .length = 150'000});
        }
    }
    for (const std::uint32_t mtu :
         {576U, 1500U, 4095U, 4148U, 4149U, 9000U, 65535U}) // 4148: room for just a page
        expect_well_cut({.layout = layout_of(4096, 17), .mtu = mtu, .length = 200'000});
}

TEST(Segmenter, AnyStreamAnyFrames)
{
    constexpr std::array<std::uint32_t, 6> frame_bytes{4096,   8192,    12'288,
                                                       65'536, 262'144, 1'048'576};
    constexpr std::array<std::uint64_t, 6> offsets{0, 1, 511, 512, 4095, 4096};
    for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
        Random random(seed);
        const std::uint32_t frame = frame_bytes[below(random, frame_bytes.size())];
        expect_well_cut({
            .layout = layout_of(frame, static_cast<std::uint32_t>(2 + below(random, 6)),
                                static_cast<std::uint32_t>(1 + below(random, 200))),
            .mtu = static_cast<std::uint32_t>(576 + below(random, 65535 - 575)),
            .num_slices_max = static_cast<unsigned>(1 + below(random, kMax)),
            .begin = (below(random, 1000) << (below(random, 2) * 20)) * frame +
                     offsets[below(random, offsets.size())],
            .length = 1 + below(random, 300'000),
        });
    }
}

TEST(Segmenter, StreamsAroundAPageAndAPacket)
{
    for (std::uint64_t length = 1;
         length<20'000; length += length % 4096> 4090 || length % 4096 < 5 ? 1 : 83) {
        for (const std::uint64_t begin : {0, 1, 4095})
            expect_well_cut(
                {.layout = layout_of(8192, 2), .mtu = 9000, .begin = begin, .length = length});
    }
}

/// The cut of one packet, to be read: MTU 9000 leaves 8948 octets, two whole pages.
class CutOf9000 : public ::testing::Test {
  protected:
    std::vector<Descriptor> cut(std::uint64_t position, std::uint64_t end)
    {
        std::array<Descriptor, kMax + 1> packet{};
        const auto count =
            segmenter_.cut(position, segmenter_.payload_bytes(position, end), kHeaderAddr, packet);
        return {packet.begin() + 1, packet.begin() + static_cast<std::ptrdiff_t>(count)};
    }

    // 8 KiB of header slots, then two frames of two chunks
    PacketMemoryLayout layout_ = layout_of(8192, 2);
    Segmenter segmenter_{layout_,
                         {.payload_bytes_max = payload_room(9000), .num_slices_max = kMax}};
};

TEST_F(CutOf9000, WholePages)
{
    EXPECT_THAT(cut(0, 1'000'000),
                ElementsAre(Descriptor{.addr = 8192, .len = 4096, .more = true},
                            Descriptor{.addr = 12'288, .len = 4096, .more = false}));
}

TEST_F(CutOf9000, FromTheMiddleOfAPageToAPagesEnd)
{
    EXPECT_THAT(cut(4000, 1'000'000),
                ElementsAre(Descriptor{.addr = 12'192, .len = 96, .more = true},
                            Descriptor{.addr = 12'288, .len = 4096, .more = true},
                            Descriptor{.addr = 16'384, .len = 4096, .more = false}));
}

TEST_F(CutOf9000, FromTheLastFrameIntoTheFirst)
{
    EXPECT_THAT(cut(12'288, 1'000'000),
                ElementsAre(Descriptor{.addr = 20'480, .len = 4096, .more = true},
                            Descriptor{.addr = 8192, .len = 4096, .more = false}));
}

TEST_F(CutOf9000, TheLastPacketTakesAllThatFits)
{
    EXPECT_THAT(cut(16'384, 16'384 + 8948),
                ElementsAre(Descriptor{.addr = 8192, .len = 4096, .more = true},
                            Descriptor{.addr = 12'288, .len = 4096, .more = true},
                            Descriptor{.addr = 16'384, .len = 756, .more = false}));
    EXPECT_EQ(segmenter_.payload_bytes(0, 8949), 8192U) << "one octet more: it is not the last";
}

TEST_F(CutOf9000, OneOctet)
{
    EXPECT_THAT(cut(16'383, 16'384),
                ElementsAre(Descriptor{.addr = 24'575, .len = 1, .more = false}));
}

// ---- slices that know no chunks: room for metadata is asked of each ----

TEST(SegmenterWithSmallSlices, EveryByteOnceInWholeSlicesAndWithinItsFrame)
{
    for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
        Random random(seed);
        const PacketMemoryLayout layout =
            layout_of(8192, static_cast<std::uint32_t>(2 + below(random, 6)));
        const auto mtu = static_cast<std::uint32_t>(576 + below(random, 65535 - 575));
        const auto num_slices_max = static_cast<unsigned>(1 + below(random, kMax));
        constexpr std::uint32_t slice_bytes_max = 4072;
        const Segmenter segmenter(layout, {.payload_bytes_max = payload_room(mtu),
                                           .num_slices_max = num_slices_max,
                                           .slice_bytes_max = slice_bytes_max});
        const std::uint64_t begin = below(random, 5000);
        const std::uint64_t end = begin + 1 + below(random, 100'000);
        for (std::uint64_t position = begin; position < end;) {
            const std::uint32_t bytes = segmenter.payload_bytes(position, end);
            ASSERT_GT(bytes, 0U);
            ASSERT_LE(bytes, payload_room(mtu));
            std::array<Descriptor, kMax + 1> packet{};
            const std::size_t count = segmenter.cut(position, bytes, kHeaderAddr, packet);
            ASSERT_LE(count, num_slices_max + 1U) << "seed " << seed;
            std::uint64_t at = position;
            for (const auto& [addr, len, more] : std::span(packet).first(count).subspan(1)) {
                ASSERT_EQ(addr, layout.addr_of(at));
                ASSERT_LE(len, slice_bytes_max);
                ASSERT_EQ(layout.frame_at(addr), layout.frame_at(addr + len - 1))
                    << "seed " << seed;
                at += len;
                ASSERT_EQ(more, at < position + bytes);
            }
            position += bytes;
            ASSERT_EQ(at, position);
        }
    }
}

// ---- one descriptor, the header before its slot ----

TEST(SegmenterWithHeadroom, APacketIsTheRestOfItsSlot)
{
    const auto layout = PacketMemoryLayout::fit_headroom(64 * kKiB, 1024, 4096);
    const Segmenter segmenter(layout, {.payload_bytes_max = payload_room(1500)});
    std::array<Descriptor, kMax + 1> packet{};

    struct Cut {
        std::uint64_t position;
        std::uint64_t end;
        Descriptor descriptor;
    };

    // A chunk holds 512 octets of room, a slot of 1024, and nothing more.
    for (const Cut& c : std::vector<Cut>{
             {0, 100'000, {.addr = 512 - kPacketHeaderBytes, .len = kPacketHeaderBytes + 1024}},
             {1000, 100'000, {.addr = 1512 - kPacketHeaderBytes, .len = kPacketHeaderBytes + 24}},
             {1024, 100'000, {.addr = 4608 - kPacketHeaderBytes, .len = kPacketHeaderBytes + 1024}},
             {1024, 1025, {.addr = 4608 - kPacketHeaderBytes, .len = kPacketHeaderBytes + 1}},
             {16 * 1024,
              100'000,
              {.addr = 512 - kPacketHeaderBytes, .len = kPacketHeaderBytes + 1024}},
         }) {
        const std::uint32_t bytes = segmenter.payload_bytes(c.position, c.end);
        EXPECT_EQ(bytes, c.descriptor.len - kPacketHeaderBytes) << c.position;
        EXPECT_EQ(segmenter.cut(c.position, bytes, 0, packet), 1U);
        EXPECT_EQ(packet[0], c.descriptor) << c.position;
    }
}

} // namespace
} // namespace pagewire::dataplane
