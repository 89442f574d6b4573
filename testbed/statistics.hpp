// SPDX-License-Identifier: BSD-3-Clause
#pragma once

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

} // namespace pagewire::testbed
