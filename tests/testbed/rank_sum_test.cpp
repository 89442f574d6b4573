// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/compare/rank_sum.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <utility>
#include <vector>

namespace pagewire::testbed {
namespace {

using Samples = std::vector<double>;

/// Ratios b / a of 1 and 1 .. n * m, in whatever order: the bounds are then the ranks.
std::pair<double, double> ranks(std::size_t n, std::size_t m, double confidence = 0.95)
{
    // a = 1 / (1 + i m) and b = 1 + j would repeat; powers of two do not, in base n m.
    Samples a;
    Samples b;
    for (std::size_t i = 0; i < n; ++i)
        a.push_back(std::exp2(-static_cast<double>(i * m)));
    for (std::size_t j = 0; j < m; ++j)
        b.push_back(std::exp2(static_cast<double>(j)));
    const auto ratio = ratio_of_runs(a, b, confidence);
    if (!ratio || !ratio->interval)
        return {0, 0};
    return {std::log2(ratio->interval->first) + 1, std::log2(ratio->interval->second) + 1};
}

TEST(RatioOfRuns, RanksOfThePublishedTables)
{
    struct Row {
        std::size_t n;
        std::size_t m;
        double low;
    };

    // The critical value of the Mann-Whitney U test (two-sided, 5 %), and one.
    for (const auto& [n, m, low] : std::vector<Row>{{4, 4, 1},
                                                    {4, 5, 2},
                                                    {5, 5, 3},
                                                    {6, 6, 6},
                                                    {7, 7, 9},
                                                    {8, 8, 14},
                                                    {10, 10, 24},
                                                    {5, 8, 7},
                                                    {15, 15, 65},
                                                    {20, 20, 128}}) {
        const auto pairs = static_cast<double>(n * m);
        EXPECT_EQ(ranks(n, m), std::pair(low, pairs + 1 - low)) << n << " and " << m;
        EXPECT_EQ(ranks(m, n), std::pair(low, pairs + 1 - low)) << m << " and " << n;
    }
}

TEST(RatioOfRuns, NoIntervalOfTooFewSamples)
{
    EXPECT_EQ(ranks(3, 3), std::pair(0.0, 0.0));
    EXPECT_EQ(ranks(1, 30), std::pair(0.0, 0.0));
    EXPECT_EQ(ranks(4, 4, 0.98), std::pair(0.0, 0.0)); // of 70 orders the two outermost are 2.9 %
    EXPECT_EQ(ratio_of_runs(Samples{}, Samples{1}, 0.95), std::nullopt);
    EXPECT_EQ(ratio_of_runs(Samples{1, 0}, Samples{1}, 0.95), std::nullopt);
}

TEST(RatioOfRuns, EstimatesTheFactor)
{
    const Samples a{9, 10, 11, 10, 10.5, 9.5};
    Samples b;
    for (const double sample : a)
        b.push_back(sample * 0.8);
    const auto ratio = ratio_of_runs(a, b, 0.95);
    ASSERT_TRUE(ratio && ratio->interval);
    EXPECT_NEAR(ratio->estimate, 0.8, 0.01);
    EXPECT_LT(ratio->interval->first, 0.8);
    EXPECT_GT(ratio->interval->second, 0.8);
    EXPECT_LT(ratio->interval->second, 0.9);
}

/// How often the interval of runs of a skewed distribution holds the true factor.
TEST(RatioOfRuns, CoversTheFactorAsOftenAsItSays)
{
    constexpr int num_trials = 5000;
    constexpr double factor = 0.7;
    std::mt19937_64 random(3);
    std::lognormal_distribution<double> rate(2, 0.4);
    for (const std::size_t n : {4U, 6U, 12U}) {
        int num_covered = 0;
        for (int trial = 0; trial < num_trials; ++trial) {
            Samples a;
            Samples b;
            for (std::size_t i = 0; i < n; ++i) {
                a.push_back(rate(random));
                b.push_back(factor * rate(random));
            }
            const auto interval = ratio_of_runs(a, b, 0.95)->interval;
            num_covered += interval && interval->first <= factor && factor <= interval->second;
        }
        // At least 95 %, and no more than the discrete ranks make it; five standard errors.
        const double covered = static_cast<double>(num_covered) / num_trials;
        EXPECT_GT(covered, 0.95 - 5 * std::sqrt(0.05 * 0.95 / num_trials)) << n;
        EXPECT_LT(covered, 0.985) << n;
    }
}

} // namespace
} // namespace pagewire::testbed
