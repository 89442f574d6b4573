// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

namespace pagewire::core {

/// Which sequence numbers of a flow have arrived: exact counts of duplicates, reorderings and
/// losses.
class SequenceLedger {
  public:
    /// Numbers at or above `limit` are refused (a stray datagram must not claim memory).
    explicit SequenceLedger(std::uint64_t limit) : limit_(limit) {}

    enum class Arrival : std::uint8_t { kNew, kDuplicate, kRefused };

    Arrival note(std::uint64_t sequence)
    {
        if (sequence >= limit_)
            return Arrival::kRefused;
        if (sequence >= seen_.size())
            seen_.resize(sequence + 1 + seen_.size() / 2);
        if (seen_[sequence]) {
            ++num_duplicate_;
            return Arrival::kDuplicate;
        }
        seen_[sequence] = true;
        ++num_distinct_;
        if (sequence < next_)
            ++num_reordered_;
        else
            next_ = sequence + 1;
        return Arrival::kNew;
    }

    /// One above the highest seen.
    [[nodiscard]] std::uint64_t next() const noexcept { return next_; }

    [[nodiscard]] std::uint64_t num_distinct() const noexcept { return num_distinct_; }

    [[nodiscard]] std::uint64_t num_duplicate() const noexcept { return num_duplicate_; }

    /// Arrived after one with a higher number.
    [[nodiscard]] std::uint64_t num_reordered() const noexcept { return num_reordered_; }

    /// Of `num_sent`, how many never came.
    [[nodiscard]] std::uint64_t num_lost(std::uint64_t num_sent) const noexcept
    {
        return num_sent > num_distinct_ ? num_sent - num_distinct_ : 0;
    }

  private:
    std::uint64_t limit_;
    std::vector<bool> seen_;
    std::uint64_t next_ = 0;
    std::uint64_t num_distinct_ = 0;
    std::uint64_t num_duplicate_ = 0;
    std::uint64_t num_reordered_ = 0;
};

} // namespace pagewire::core
