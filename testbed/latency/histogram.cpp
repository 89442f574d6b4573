// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/latency/histogram.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <bit>

namespace pagewire::testbed {

namespace {

constexpr std::size_t kNumPerPower = std::size_t{1} << LatencyHistogram::kBucketBits;

} // namespace

std::size_t LatencyHistogram::bucket_of(std::uint64_t ns) noexcept
{
    // `ns` without its lowest bits lies in [128, 256), or is less where there is none to drop.
    const auto width = static_cast<unsigned>(std::bit_width(ns));
    const unsigned dropped = width > kBucketBits + 1 ? width - (kBucketBits + 1) : 0;
    return (static_cast<std::size_t>(dropped) << kBucketBits) +
           static_cast<std::size_t>(ns >> dropped);
}

std::uint64_t LatencyHistogram::highest_in(std::size_t bucket) noexcept
{
    if (bucket < 2 * kNumPerPower)
        return bucket;
    const std::size_t dropped = bucket / kNumPerPower - 1;
    const std::uint64_t kept = bucket % kNumPerPower + kNumPerPower;
    return (kept << dropped) + ((std::uint64_t{1} << dropped) - 1);
}

void LatencyHistogram::add(std::uint64_t ns)
{
    const std::size_t bucket = bucket_of(ns);
    if (bucket >= counts_.size())
        counts_.resize(bucket + 1);
    ++counts_[bucket];
    ++count_;
    min_ = std::min(min_, ns);
    max_ = std::max(max_, ns);
}

void LatencyHistogram::merge(const LatencyHistogram& other)
{
    counts_.resize(std::max(counts_.size(), other.counts_.size()));
    for (std::size_t bucket = 0; bucket < other.counts_.size(); ++bucket)
        counts_[bucket] += other.counts_[bucket];
    count_ += other.count_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
}

std::uint64_t LatencyHistogram::quantile(std::uint64_t num_of_100000) const noexcept
{
    constexpr std::uint64_t all = 100'000;
    if (count_ == 0)
        return 0;
    // In integers: 99.9 % of 1000 are 999, and as floating-point numbers a little more.
    const std::uint64_t rank =
        std::max<std::uint64_t>(1, (count_ * std::min(num_of_100000, all) + all - 1) / all);
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
        seen += counts_[bucket];
        if (seen >= rank)
            return std::min(highest_in(bucket), max_);
    }
    return max_;
}

std::vector<LatencyHistogram::Entry> LatencyHistogram::entries() const
{
    std::vector<Entry> entries;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
        if (counts_[bucket] > 0)
            entries.push_back({bucket, counts_[bucket]});
    }
    return entries;
}

LatencyHistogram LatencyHistogram::of(const std::vector<Entry>& entries, std::uint64_t min,
                                      std::uint64_t max)
{
    const auto require = [](bool fits) {
        if (!fits)
            throw core::UsageError("a latency histogram contradicts itself");
    };
    LatencyHistogram histogram;
    if (entries.empty())
        return histogram;
    require(min <= max && bucket_of(min) == entries.front()[0] &&
            bucket_of(max) == entries.back()[0]);
    histogram.counts_.resize(bucket_of(max) + 1);
    std::uint64_t next = 0; // buckets stand in order
    for (const auto& [bucket, count] : entries) {
        require(bucket >= next && bucket < histogram.counts_.size() && count > 0 &&
                count <= UINT32_MAX); // no sum of theirs wraps
        histogram.counts_[bucket] = count;
        histogram.count_ += count;
        next = bucket + 1;
    }
    histogram.min_ = min;
    histogram.max_ = max;
    return histogram;
}

} // namespace pagewire::testbed
