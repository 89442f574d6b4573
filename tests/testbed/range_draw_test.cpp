// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/latency/range_draw.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace pagewire::testbed {
namespace {

std::vector<std::uint64_t> draw(std::uint64_t num_blocks, std::uint64_t blocks_per_range,
                                std::uint64_t seed, std::size_t num)
{
    RangeDraw ranges(num_blocks, blocks_per_range, seed);
    std::vector<std::uint64_t> blocks(num);
    for (std::uint64_t& block : blocks)
        block = ranges.next();
    return blocks;
}

TEST(RangeDraw, RangesLieInTheFileAndDoNotOverlap)
{
    constexpr std::uint64_t num_blocks = 1000;
    constexpr std::uint64_t per_range = 16;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        RangeDraw ranges(num_blocks, per_range, seed);
        std::vector<std::uint64_t> blocks(ranges.num_ranges());
        EXPECT_GE(blocks.size(), RangeDraw::num_ranges_min(num_blocks, per_range));
        for (std::uint64_t& block : blocks)
            block = ranges.next();
        EXPECT_EQ(ranges.num_left(), 0U);
        std::sort(blocks.begin(), blocks.end());
        EXPECT_LE(blocks.back() + per_range, num_blocks);
        for (std::size_t i = 1; i < blocks.size(); ++i)
            EXPECT_GE(blocks[i] - blocks[i - 1], per_range);
    }
}

TEST(RangeDraw, SeedDecidesAndDiffersWithIt)
{
    EXPECT_EQ(draw(1000, 16, 1, 60), draw(1000, 16, 1, 60));
    EXPECT_NE(draw(1000, 16, 1, 60), draw(1000, 16, 2, 60));
    std::set<std::uint64_t> phases; // ranges begin at any block, not at multiples of their size
    for (std::uint64_t seed = 0; seed < 200; ++seed)
        phases.insert(draw(1000, 16, seed, 1).front() % 16);
    EXPECT_GT(phases.size(), 8U);
}

TEST(RangeDraw, BeginsAnewWhenAllHaveHadTheirTurn)
{
    const auto blocks = draw(40, 4, 3, 27);
    const std::size_t num = RangeDraw(40, 4, 3).num_ranges();
    ASSERT_GE(num, 9U);
    EXPECT_EQ(std::set(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(num)),
              std::set(blocks.begin() + static_cast<std::ptrdiff_t>(num),
                       blocks.begin() + static_cast<std::ptrdiff_t>(2 * num)));
}

TEST(RangeDraw, OneRangeIsTheWholeFile)
{
    EXPECT_EQ(draw(16, 16, 9, 3), (std::vector<std::uint64_t>{0, 0, 0}));
    EXPECT_EQ(RangeDraw::num_ranges_min(16, 16), 1U);
    EXPECT_EQ(RangeDraw::num_ranges_min(15, 16), 0U);
    EXPECT_EQ(RangeDraw::num_ranges_min(47, 16), 2U);
    EXPECT_EQ(RangeDraw::num_ranges_min(0, 1), 0U);
}

TEST(RangeDraw, HugeFilesCostOnlyWhatIsDrawn)
{
    RangeDraw ranges(std::uint64_t{1} << 38, 1, 5);
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i)
        seen.insert(ranges.next());
    EXPECT_EQ(seen.size(), 1000U);
    EXPECT_GT(*seen.rbegin(), std::uint64_t{1} << 37);
}

} // namespace
} // namespace pagewire::testbed
