// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/named.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace pagewire::testbed {

/// Median: the middle sample, or the mean of the two middle ones. `samples` is not empty.
[[nodiscard]] double median(std::span<const double> samples);

/// Distribution-free 95 % confidence interval of the median by order statistics: the narrowest
/// symmetric pair of order statistics whose binomial coverage is at least 95 % (Conover, Practical
/// Nonparametric Statistics, §3.2). Nothing below six samples: even their full range covers the
/// median less often than that.
[[nodiscard]] std::optional<std::pair<double, double>> median_ci95(std::span<const double> samples);

/// Half the width of the median's interval, relative to that: (high - low) / 2 / median.
/// Nothing where there is no interval, or the median is 0.
[[nodiscard]] std::optional<double> relative_half_width(std::span<const double> samples);

/// Ratios of pairs that were measured under the same conditions, one after the other.
struct RatioOfPairs {
    double median = 0;
    std::optional<std::pair<double, double>> ci95; ///< of the median; nothing below six pairs
    std::size_t num_pairs = 0;
};

/// What such ratios say. Two of these are no answer, and different ones: with few pairs nobody can
/// know, with many the difference is smaller than the noise.
enum class Difference : std::uint8_t { kUndecided, kNotSignificant, kLess, kMore };

/// Nothing without a ratio.
[[nodiscard]] std::optional<RatioOfPairs> ratio_of_pairs(std::span<const double> ratios);

/// By the interval: 1 lies inside of it, below it, above it.
[[nodiscard]] Difference difference(const RatioOfPairs& ratio);

inline constexpr core::Names<Difference, 4> kDifferenceNames{
    {{"undecided", Difference::kUndecided},
     {"no significant difference", Difference::kNotSignificant},
     {"less", Difference::kLess},
     {"more", Difference::kMore}}};

} // namespace pagewire::testbed
