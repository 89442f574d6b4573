// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "testbed/latency/histogram.hpp"
#include "testbed/plan.hpp"

#include <cstdint>
#include <string>

namespace pagewire::testbed {

struct Burst;

/// One method that answers requests of one size, so many in flight: a line of the latency table.
/// The sum of its good bursts, one in each round.
struct LatencyRow {
    const core::Method* method = nullptr;
    CacheState cache = CacheState::kHot;
    std::uint64_t file_bytes = 0; ///< of a request's answer
    std::uint32_t outstanding = 1;
    std::string skipped; ///< not empty: never run, and why
    std::string error;   ///< of the first burst that failed
    LatencyHistogram histogram;
    std::uint64_t num_answered = 0; ///< within elapsed_ns: more than the histogram counts
    std::int64_t elapsed_ns = 0;
    std::uint64_t blocks_good = 0; ///< of all bursts, failed ones included
    std::uint64_t blocks_bad = 0;
    bool verified = false; ///< every burst was
    unsigned num_bursts = 0;

    void add(const Burst& burst);

    /// "ok", "failed" (one burst or more) or "skipped".
    [[nodiscard]] std::string status() const;

    /// Of the first failed burst, or why it was skipped; else empty.
    [[nodiscard]] const std::string& reason() const;
};

} // namespace pagewire::testbed
