// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <span>
#include <utility>

namespace pagewire::testbed {

/// How far the samples of one run lie from those of another that nothing pairs with them.
struct RatioOfRuns {
    double estimate = 0; ///< median of all ratios b / a (Hodges-Lehmann, on the logarithms)
    /// Of the ratio; nothing where there are too few samples for so much confidence.
    std::optional<std::pair<double, double>> interval;
};

/// Distribution-free: the interval between two order statistics of the ratios b / a of every pair,
/// whose ranks are quantiles of the Wilcoxon-Mann-Whitney statistic (Conover, Practical
/// Nonparametric Statistics, §5.4), exact however few there are. That both runs scatter alike, but
/// for a factor, is assumed. `confidence` below 1. Nothing where a side is empty or a sample is not
/// above 0.
[[nodiscard]] std::optional<RatioOfRuns>
ratio_of_runs(std::span<const double> a, std::span<const double> b, double confidence);

} // namespace pagewire::testbed
