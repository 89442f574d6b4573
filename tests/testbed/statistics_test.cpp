// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/statistics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace pagewire::testbed {
namespace {

using Samples = std::vector<double>;

TEST(Median, MiddleOrMeanOfTheMiddleTwo)
{
    EXPECT_EQ(median(Samples{7}), 7);
    EXPECT_EQ(median(Samples{3, 1}), 2);
    EXPECT_EQ(median(Samples{9, 1, 5}), 5);
    EXPECT_EQ(median(Samples{4, 1, 3, 2}), 2.5);
    EXPECT_EQ(median(Samples{2, 2, 8, 2, 2}), 2);
    EXPECT_EQ(median(Samples{-1, -5, 3}), -1);
}

TEST(Median, LeavesTheSamplesAsTheyAre)
{
    const Samples samples{3, 1, 2};
    (void)median(samples);
    EXPECT_EQ(samples, (Samples{3, 1, 2}));
}

TEST(MedianCi95, NothingBelowSixSamples)
{
    for (std::size_t n = 0; n < 6; ++n)
        EXPECT_FALSE(median_ci95(Samples(n, 1.0))) << n;
}

/// The samples 1, 2, ... n in a shuffled order: the bounds are then the ranks.
std::pair<double, double> ranks(std::size_t n)
{
    Samples samples(n);
    std::iota(samples.begin(), samples.end(), 1.0);
    std::shuffle(samples.begin(), samples.end(), std::mt19937(1));
    const auto interval = median_ci95(samples);
    EXPECT_TRUE(interval) << n;
    return interval.value_or(std::pair(0.0, 0.0));
}

TEST(MedianCi95, RanksOfThePublishedTables)
{
    struct Row {
        std::size_t n;
        double low;
        double high;
    };

    // From the exact binomial distribution; up to 100 as in the usual tables of the sign test.
    for (const auto& [n, low, high] : std::vector<Row>{{6, 1, 6},
                                                       {7, 1, 7},
                                                       {8, 1, 8},
                                                       {9, 2, 8},
                                                       {10, 2, 9},
                                                       {11, 2, 10},
                                                       {12, 3, 10},
                                                       {15, 4, 12},
                                                       {20, 6, 15},
                                                       {25, 8, 18},
                                                       {30, 10, 21},
                                                       {50, 18, 33},
                                                       {100, 40, 61},
                                                       {1000, 469, 532},
                                                       {1074, 505, 570},
                                                       {1075, 505, 571},
                                                       {5000, 2431, 2570},
                                                       {100000, 49690, 50311}})
        EXPECT_EQ(ranks(n), std::pair(low, high)) << n;
}

TEST(MedianCi95, TiesAreSamplesLikeOthers)
{
    EXPECT_EQ(median_ci95(Samples{5, 5, 5, 5, 5, 5}), std::pair(5.0, 5.0));
    EXPECT_EQ(median_ci95(Samples{1, 5, 5, 5, 5, 5, 5, 5, 9}), std::pair(5.0, 5.0));
}

/// How often the interval of n samples of a skewed distribution holds the true median.
double coverage(std::size_t n, int num_trials)
{
    std::mt19937_64 random(n);
    const double true_median = std::log(2.0);
    int num_covered = 0;
    Samples samples(n);
    for (int trial = 0; trial < num_trials; ++trial) {
        for (double& sample : samples) {
            const double uniform = static_cast<double>((random() >> 11) + 1) * 0x1p-53; // (0, 1]
            sample = -std::log(uniform);
        }
        const auto interval = median_ci95(samples);
        if (interval && interval->first <= true_median && true_median <= interval->second)
            ++num_covered;
    }
    return static_cast<double>(num_covered) / num_trials;
}

TEST(MedianCi95, CoversTheMedianAsOftenAsItSays)
{
    // Exact coverage, and five standard errors of the simulation (seeded: the same each time).
    constexpr int num_trials = 20000;
    for (const auto& [n, exact] : std::vector<std::pair<std::size_t, double>>{
             {6, 0.968750}, {10, 0.978516}, {15, 0.964844}, {31, 0.970551}}) {
        const double error = std::sqrt(exact * (1 - exact) / num_trials);
        EXPECT_NEAR(coverage(n, num_trials), exact, 5 * error) << n;
    }
}

TEST(RelativeHalfWidth, OfTheMediansInterval)
{
    EXPECT_FALSE(relative_half_width(Samples{1, 2, 3, 4, 5}));
    EXPECT_DOUBLE_EQ(*relative_half_width(Samples{9, 10, 10, 10, 10, 12}), 0.15); // 9..12 about 10
    EXPECT_DOUBLE_EQ(*relative_half_width(Samples{4, 4, 4, 4, 4, 4}), 0);
    EXPECT_FALSE(relative_half_width(Samples{0, 0, 0, 0, 0, 0}));
}

TEST(Difference, ByTheInterval)
{
    const auto of = [](const Samples& ratios) { return difference(*ratio_of_pairs(ratios)); };
    EXPECT_EQ(of({2, 2, 2, 2, 2}), Difference::kUndecided); // however clear it looks
    EXPECT_EQ(of({0.8, 0.9, 0.9, 0.9, 0.9, 1.1}), Difference::kNotSignificant);
    EXPECT_EQ(of({1, 1, 1, 1, 1, 1}), Difference::kNotSignificant);
    EXPECT_EQ(of({0.8, 0.9, 0.9, 0.9, 0.9, 0.99}), Difference::kLess);
    EXPECT_EQ(of({1.01, 1.1, 1.1, 1.1, 1.1, 1.5}), Difference::kMore);
    EXPECT_FALSE(ratio_of_pairs(Samples{}));
}

/// Two rows of the same distribution that drift together: how often a difference is claimed.
TEST(Difference, IsRarelyClaimedOfEquals)
{
    constexpr int num_trials = 4000;
    std::mt19937_64 random(7);
    std::normal_distribution<double> noise(1, 0.1);
    int num_claimed = 0;
    for (int trial = 0; trial < num_trials; ++trial) {
        Samples ratios;
        for (int round = 0; round < 15; ++round)
            ratios.push_back(noise(random) / noise(random));
        const Difference said = difference(*ratio_of_pairs(ratios));
        num_claimed += said == Difference::kNotSignificant ? 0 : 1;
    }
    // Exactly 3.5 % for fifteen rounds; five standard errors of the simulation.
    const double claimed = static_cast<double>(num_claimed) / num_trials;
    EXPECT_NEAR(claimed, 0.0352, 5 * std::sqrt(0.0352 * 0.9648 / num_trials));
}

} // namespace
} // namespace pagewire::testbed
