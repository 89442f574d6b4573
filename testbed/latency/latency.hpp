// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/lab.hpp"
#include "testbed/latency/latency_row.hpp"
#include "testbed/source.hpp"
#include "testbed/transfer.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace pagewire::testbed {

/// The latency arm of a plan that has one (docs/latency.md): a client in the sink asks for ranges
/// of the file, a worker answers each by the method, and the time from request to last byte is
/// counted.

/// Requests of a burst before those that count.
inline constexpr std::uint32_t kLatencyWarmups = 32;

/// Of a burst, that count: an interruption costs no more than a burst, and drift does not hit a
/// single row.
inline constexpr std::uint64_t kBurstRequestsMax = 2000;

/// Where it is measured. All outlive the measurement.
struct LatencyBench {
    const Plan& plan;
    const Source& source;
    const Lab& lab;
    TransferRunner& runner;
};

/// How far it is, when a burst begins.
struct LatencyTurn {
    std::size_t num_done = 0; ///< bursts
    std::size_t num_total = 0;
    unsigned round = 0; ///< from 1
    unsigned last_round = 0;
    std::string what; ///< the burst that begins now
};

using LatencyProgress = std::function<void(const LatencyTurn& turn)>;

/// Runs a burst of each row in each round, in an order drawn anew for each round
/// from the plan's seed; all rows of a round ask for the same ranges. Rounds are as many as
/// the plan's, or more where a burst would be longer than kBurstRequestsMax. When `interrupted`
/// becomes true, ends within moments and returns the rows as they are. Throws what fails the run.
[[nodiscard]] std::vector<LatencyRow> measure_latency(const LatencyBench& bench,
                                                      const std::atomic<bool>& interrupted,
                                                      const LatencyProgress& progress);

} // namespace pagewire::testbed
