// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <random>
#include <unordered_map>

namespace pagewire::testbed {

/// Where in the file each request of a burst asks: ranges of one size that do not overlap, in an
/// order drawn from the seed, none a second time before all have had their turn. The first lies at
/// a drawn block, so that ranges begin at any page and not at multiples of their own size.
class RangeDraw {
  public:
    /// Of `num_blocks` blocks (core::kBlockBytes), ranges of `blocks_per_range`; at least one fits.
    RangeDraw(std::uint64_t num_blocks, std::uint64_t blocks_per_range, std::uint64_t seed);

    /// The first block of the next range.
    [[nodiscard]] std::uint64_t next();

    [[nodiscard]] std::uint64_t num_ranges() const noexcept { return num_ranges_; }

    /// How many have not had their turn.
    [[nodiscard]] std::uint64_t num_left() const noexcept { return num_ranges_ - num_drawn_; }

    /// Of a file of that many blocks at least so many fit, wherever the first one lies.
    [[nodiscard]] static std::uint64_t num_ranges_min(std::uint64_t num_blocks,
                                                      std::uint64_t blocks_per_range) noexcept;

  private:
    /// Uniform in [0, limit).
    [[nodiscard]] std::uint64_t below(std::uint64_t limit);

    std::mt19937_64 random_;
    std::uint64_t blocks_per_range_;
    std::uint64_t first_block_ = 0;
    std::uint64_t num_ranges_ = 0;
    std::uint64_t num_drawn_ = 0;
    // A shuffle of all ranges of which only the places that differ are kept: a file may have
    // hundreds of millions.
    std::unordered_map<std::uint64_t, std::uint64_t> moved_;
};

} // namespace pagewire::testbed
