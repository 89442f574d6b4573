// SPDX-License-Identifier: BSD-3-Clause
#include "kernelpath/datagram_cut.hpp"

#include "core/units.hpp"
#include "dataplane/packet_header.hpp"
#include "dataplane/segmenter.hpp"

#include <gtest/gtest.h>

namespace pagewire::kernelpath {
namespace {

using core::kKiB;

/// What an engine cuts of the same stream: its positions are the file's offsets, for its first
/// frame begins at the start of the file.
dataplane::Segmenter engines_segmenter(std::uint32_t mtu)
{
    const auto layout = dataplane::PacketMemoryLayout::fit(1024 * kKiB, 64, 64 * kKiB);
    return {layout,
            {.payload_bytes_max = dataplane::payload_room(mtu),
             .num_slices_max = dataplane::Segmenter::kSlicesMax}};
}

TEST(DatagramCut, IsTheEnginesWhereAPageFits)
{
    for (std::uint32_t mtu = 4096 + 52; mtu <= 65535; mtu += 193) {
        const dataplane::Segmenter segmenter = engines_segmenter(mtu);
        for (const std::uint64_t begin : {0U, 1U, 4095U, 4096U, 8193U}) {
            const std::uint64_t end = begin + 150'000 + mtu % 7;
            const DatagramCut cut(mtu, end);
            ASSERT_EQ(cut.room(), dataplane::payload_room(mtu));
            for (std::uint64_t at = begin; at < end; at += cut.datagram_bytes(at))
                ASSERT_EQ(cut.datagram_bytes(at), segmenter.payload_bytes(at, end))
                    << "mtu " << mtu << " at " << at << " of [" << begin << ", " << end << ')';
        }
    }
}

TEST(DatagramCut, FillsTheDatagramWhereNoPageFits)
{
    for (const std::uint32_t mtu : {576U, 1500U, 4096U + 51U}) {
        const DatagramCut cut(mtu, 20'000);
        std::uint64_t at = 4097;
        for (; 20'000 - at > mtu - 52; at += mtu - 52)
            EXPECT_EQ(cut.datagram_bytes(at), mtu - 52);
        EXPECT_EQ(cut.datagram_bytes(at), 20'000 - at);
    }
}

TEST(DatagramCut, ATurnIsWholeDatagramsAndOneAtLeast)
{
    const DatagramCut jumbo(9000, 1024 * kKiB);
    EXPECT_EQ(jumbo.turn_bytes(0, 64 * kKiB), 64 * kKiB);
    EXPECT_EQ(jumbo.turn_bytes(4097, 64 * kKiB), 8191 + 7 * 8192); // ends on a page's boundary
    EXPECT_EQ(jumbo.turn_bytes(0, 1), 8192U);
    EXPECT_EQ(jumbo.turn_bytes(0, 8192 + 8191), 8192U);
    EXPECT_EQ(jumbo.turn_bytes(1016 * kKiB, 64 * kKiB), 8 * kKiB); // the rest
    const DatagramCut ethernet(1500, 1024 * kKiB);
    EXPECT_EQ(ethernet.turn_bytes(0, 64 * kKiB), 45 * 1448U);
    for (const std::uint64_t chunk : {1U, 1448U, 100'000U})
        EXPECT_LE(ethernet.turn_bytes(77, chunk), ethernet.turn_bytes_max(chunk));
    EXPECT_EQ(ethernet.turn_bytes_max(1), 1448U);
}

} // namespace
} // namespace pagewire::kernelpath
