// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pagewire::testbed {

/// Durations in nanoseconds, counted in buckets whose width grows with the value, as HdrHistogram
/// does (Gil Tene, hdrhistogram.github.io): each power of two is cut into 128 equal buckets, and
/// below 256 ns every value has one of its own.
///
///     values        0 .. 255 | 256 .. 511 | 512 .. 1023 | ...
///     bucket width         1 |          2 |           4 | ...
///
/// A quantile is given as the highest value of its bucket: never less than the exact one, and more
/// by at most kRelativeError. Minimum, maximum and count are exact. Adding allocates only while the
/// highest bucket grows.
class LatencyHistogram {
  public:
    static constexpr unsigned kBucketBits = 7; ///< 128 buckets to a power of two
    static constexpr double kRelativeError = 1.0 / (1U << kBucketBits);
    /// Of every 64-bit value.
    static constexpr std::size_t kNumBucketsMax = (64 - kBucketBits + 1) << kBucketBits;

    /// A bucket's index and how many values it holds: how a histogram travels.
    using Entry = std::array<std::uint64_t, 2>;

    void add(std::uint64_t ns);
    void merge(const LatencyHistogram& other);

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

    /// 0 where nothing was added.
    [[nodiscard]] std::uint64_t min() const noexcept { return count_ == 0 ? 0 : min_; }

    [[nodiscard]] std::uint64_t max() const noexcept { return max_; }

    /// The smallest value that `num_of_100000` / 100000 of all values do not exceed (50'000: the
    /// median; 99'900: the 99.9th percentile), within kRelativeError; 0 where nothing was added.
    [[nodiscard]] std::uint64_t quantile(std::uint64_t num_of_100000) const noexcept;

    /// Buckets that hold something, lowest first.
    [[nodiscard]] std::vector<Entry> entries() const;

    /// The histogram that entries(), min() and max() were taken of. Throws core::UsageError where
    /// they are of none.
    [[nodiscard]] static LatencyHistogram of(const std::vector<Entry>& entries, std::uint64_t min,
                                             std::uint64_t max);

    [[nodiscard]] static std::size_t bucket_of(std::uint64_t ns) noexcept;
    /// The highest value of the bucket.
    [[nodiscard]] static std::uint64_t highest_in(std::size_t bucket) noexcept;

  private:
    std::vector<std::uint64_t> counts_; // by bucket, as far as the highest
    std::uint64_t count_ = 0;
    std::uint64_t min_ = UINT64_MAX;
    std::uint64_t max_ = 0;
};

} // namespace pagewire::testbed
