// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <numeric>
#include <vector>

namespace pagewire::testbed {

namespace {

/// The rank r (from 1) of the lower bound: the largest for which r-th smallest and r-th largest of
/// n samples cover the median with at least 95 %, or 0. Each sample lies below the median with
/// probability 1/2, so that they miss it with probability 2 P(B < r), B ~ Binomial(n, 1/2).
std::size_t lower_rank(std::size_t num_samples)
{
    constexpr double one_side = 0.05 / 2;
    const auto n = static_cast<double>(num_samples);
    // In logarithms: 2^-n is zero as a double from n = 1075 on, while the terms that matter are
    // not.
    double log_term = -n * std::numbers::ln2; // of P(B = r)
    double tail = std::exp(log_term);         // P(B <= r)
    std::size_t rank = 0;
    while (tail <= one_side) {
        const auto r = static_cast<double>(rank);
        log_term += std::log((n - r) / (r + 1));
        tail += std::exp(log_term);
        ++rank;
    }
    return rank;
}

} // namespace

double median(std::span<const double> samples)
{
    std::vector<double> sorted(samples.begin(), samples.end());
    std::sort(sorted.begin(), sorted.end());
    const std::size_t middle = sorted.size() / 2;
    if (sorted.size() % 2 != 0)
        return sorted[middle];
    return std::midpoint(sorted[middle - 1], sorted[middle]);
}

std::optional<std::pair<double, double>> median_ci95(std::span<const double> samples)
{
    const std::size_t rank = lower_rank(samples.size());
    if (rank == 0)
        return std::nullopt;
    std::vector<double> sorted(samples.begin(), samples.end());
    std::sort(sorted.begin(), sorted.end());
    return std::pair(sorted[rank - 1], sorted[sorted.size() - rank]);
}

std::optional<double> relative_half_width(std::span<const double> samples)
{
    const auto interval = median_ci95(samples);
    if (!interval)
        return std::nullopt;
    const double middle = median(samples);
    if (middle <= 0)
        return std::nullopt;
    return (interval->second - interval->first) / 2 / middle;
}

std::optional<RatioOfPairs> ratio_of_pairs(std::span<const double> ratios)
{
    if (ratios.empty())
        return std::nullopt;
    return RatioOfPairs{
        .median = median(ratios), .ci95 = median_ci95(ratios), .num_pairs = ratios.size()};
}

Difference difference(const RatioOfPairs& ratio)
{
    if (!ratio.ci95)
        return Difference::kUndecided;
    if (ratio.ci95->second < 1)
        return Difference::kLess;
    return ratio.ci95->first > 1 ? Difference::kMore : Difference::kNotSignificant;
}

} // namespace pagewire::testbed
