// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/latency/range_draw.hpp"

#include <algorithm>

namespace pagewire::testbed {

RangeDraw::RangeDraw(std::uint64_t num_blocks, std::uint64_t blocks_per_range, std::uint64_t seed)
    : random_(seed),
      blocks_per_range_(blocks_per_range)
{
    first_block_ = below(std::min(blocks_per_range, num_blocks - blocks_per_range + 1));
    num_ranges_ = (num_blocks - first_block_) / blocks_per_range;
}

std::uint64_t RangeDraw::below(std::uint64_t limit)
{
    return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random_);
}

std::uint64_t RangeDraw::next()
{
    if (num_drawn_ == num_ranges_) {
        num_drawn_ = 0;
        moved_.clear();
    }
    // One step of Fisher and Yates: a range from the places not yet drawn, its place filled by the
    // first of these.
    const auto at = [&](std::uint64_t place) {
        const auto it = moved_.find(place);
        return it == moved_.end() ? place : it->second;
    };
    const std::uint64_t place = num_drawn_ + below(num_ranges_ - num_drawn_);
    const std::uint64_t range = at(place);
    moved_[place] = at(num_drawn_);
    ++num_drawn_;
    return first_block_ + range * blocks_per_range_;
}

std::uint64_t RangeDraw::num_ranges_min(std::uint64_t num_blocks,
                                        std::uint64_t blocks_per_range) noexcept
{
    if (num_blocks < blocks_per_range)
        return 0;
    return (num_blocks - (std::min(blocks_per_range, num_blocks - blocks_per_range + 1) - 1)) /
           blocks_per_range;
}

} // namespace pagewire::testbed
