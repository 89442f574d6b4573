// SPDX-License-Identifier: BSD-3-Clause
// Against the exact quantiles of the same values, over distributions that are known.
#include "testbed/latency/histogram.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

namespace pagewire::testbed {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kQuantiles[] = {1, 50'000, 90'000, 99'000, 99'900, 100'000};

std::vector<std::uint64_t> drawn(std::size_t num_values,
                                 const std::function<double(std::mt19937_64&)>& draw)
{
    std::mt19937_64 random(7);
    std::vector<std::uint64_t> values(num_values);
    for (std::uint64_t& value : values)
        value = static_cast<std::uint64_t>(draw(random));
    return values;
}

LatencyHistogram histogram_of(const std::vector<std::uint64_t>& values)
{
    LatencyHistogram histogram;
    for (const std::uint64_t value : values)
        histogram.add(value);
    return histogram;
}

/// The smallest value that so many of all do not exceed.
std::uint64_t exact(std::vector<std::uint64_t> values, std::uint64_t num_of_100000)
{
    std::sort(values.begin(), values.end());
    const std::size_t rank = (values.size() * num_of_100000 + 99'999) / 100'000;
    return values.at(std::max<std::size_t>(rank, 1) - 1);
}

void expect_within_error(const std::vector<std::uint64_t>& values)
{
    const LatencyHistogram histogram = histogram_of(values);
    EXPECT_EQ(histogram.count(), values.size());
    EXPECT_EQ(histogram.min(), *std::min_element(values.begin(), values.end()));
    EXPECT_EQ(histogram.max(), *std::max_element(values.begin(), values.end()));
    for (const std::uint64_t quantile : kQuantiles) {
        const std::uint64_t truth = exact(values, quantile);
        EXPECT_GE(histogram.quantile(quantile), truth) << quantile;
        EXPECT_LE(static_cast<double>(histogram.quantile(quantile)),
                  static_cast<double>(truth) * (1 + LatencyHistogram::kRelativeError))
            << quantile;
    }
}

TEST(LatencyHistogram, UniformExponentialAndHeavyTailedValuesAreWithinTheError)
{
    constexpr std::size_t num_values = 20'000;
    std::uniform_real_distribution<> uniform(0, 1e6);
    expect_within_error(drawn(num_values, uniform));
    std::exponential_distribution<> exponential(1 / 30e3);
    expect_within_error(drawn(num_values, exponential));
    std::lognormal_distribution<> heavy(10, 3); // from nanoseconds to minutes
    expect_within_error(drawn(num_values, heavy));
}

TEST(LatencyHistogram, QuantilesOfTheWholeNumbersAreThemselves)
{
    std::vector<std::uint64_t> values(100'000);
    for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = i + 1;
    const LatencyHistogram histogram = histogram_of(values);
    for (const std::uint64_t quantile : kQuantiles) {
        EXPECT_GE(histogram.quantile(quantile), quantile);
        EXPECT_LE(static_cast<double>(histogram.quantile(quantile)),
                  static_cast<double>(quantile) * (1 + LatencyHistogram::kRelativeError));
    }
    EXPECT_EQ(histogram.quantile(100'000), 100'000U);
}

TEST(LatencyHistogram, OneSlowOneOfAThousandIsTheMaximumAndNotThePercentile)
{
    std::vector<std::uint64_t> values(999, 100);
    values.push_back(5'000'000);
    const LatencyHistogram histogram = histogram_of(values);
    EXPECT_EQ(histogram.quantile(99'900), 100U);
    EXPECT_EQ(histogram.max(), 5'000'000U);
    // With one less of the fast, it is more than a thousandth.
    values.erase(values.begin());
    EXPECT_EQ(histogram_of(values).quantile(99'900), 5'000'000U);
}

TEST(LatencyHistogram, BucketsCoverEveryValueOnceAndInOrder)
{
    std::size_t last = 0;
    for (std::uint64_t value = 0; value < 70'000; ++value) {
        const std::size_t bucket = LatencyHistogram::bucket_of(value);
        EXPECT_TRUE(bucket == last || bucket == last + 1) << value;
        EXPECT_GE(LatencyHistogram::highest_in(bucket), value);
        EXPECT_EQ(LatencyHistogram::bucket_of(LatencyHistogram::highest_in(bucket)), bucket);
        last = bucket;
    }
    EXPECT_EQ(LatencyHistogram::bucket_of(kMost), LatencyHistogram::kNumBucketsMax - 1);
    EXPECT_EQ(LatencyHistogram::highest_in(LatencyHistogram::kNumBucketsMax - 1), kMost);
}

TEST(LatencyHistogram, MergedIsAsIfAllHadBeenAdded)
{
    std::exponential_distribution<> exponential(1 / 30e3);
    std::vector<std::uint64_t> values = drawn(2'000, exponential);
    const LatencyHistogram all = histogram_of(values);
    LatencyHistogram merged = histogram_of({values.begin(), values.begin() + 500});
    merged.merge(histogram_of({values.begin() + 500, values.end()}));
    merged.merge(LatencyHistogram());
    EXPECT_EQ(merged.entries(), all.entries());
    EXPECT_EQ(merged.count(), all.count());
    EXPECT_EQ(merged.min(), all.min());
    EXPECT_EQ(merged.max(), all.max());
}

TEST(LatencyHistogram, EmptyHasNothing)
{
    const LatencyHistogram empty;
    EXPECT_EQ(empty.count(), 0U);
    EXPECT_EQ(empty.min(), 0U);
    EXPECT_EQ(empty.max(), 0U);
    EXPECT_EQ(empty.quantile(50'000), 0U);
    EXPECT_TRUE(empty.entries().empty());
}

TEST(LatencyHistogram, TravelsAsItsEntries)
{
    const LatencyHistogram sent = histogram_of({3, 3, 70'000, 123'456'789, kMost});
    const LatencyHistogram got = LatencyHistogram::of(sent.entries(), sent.min(), sent.max());
    EXPECT_EQ(got.entries(), sent.entries());
    EXPECT_EQ(got.count(), 5U);
    EXPECT_EQ(got.min(), 3U);
    EXPECT_EQ(got.max(), kMost);
    EXPECT_EQ(LatencyHistogram::of({}, 0, 0).count(), 0U);
}

TEST(LatencyHistogram, EntriesThatContradictThemselvesAreRefused)
{
    using Entries = std::vector<LatencyHistogram::Entry>;
    for (const Entries& entries :
         {Entries{{5, 1}, {4, 1}, {9, 1}}, Entries{{5, 1}, {9, 1}, {9, 1}}, Entries{{5, 0}, {9, 1}},
          Entries{{9, 1}}, Entries{{5, 1}}, Entries{{5, 1}, {10'000, 1}, {9, 1}},
          Entries{{5, kMost}, {9, 1}}})
        EXPECT_THROW((void)LatencyHistogram::of(entries, 5, 9), core::UsageError);
    EXPECT_THROW((void)LatencyHistogram::of({{5, 1}, {9, 1}}, 9, 5), core::UsageError);
}

} // namespace
} // namespace pagewire::testbed
