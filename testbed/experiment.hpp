// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/plan.hpp"
#include "testbed/result.hpp"
#include "testbed/transfer.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace pagewire::testbed {

/// How far a run is, for a progress line.
struct ProgressNote {
    std::size_t num_done = 0;           ///< transfers
    std::size_t num_total = 0;          ///< at most
    unsigned round = 0;                 ///< from 1; 0: a warm-up
    unsigned last_round = 0;            ///< at most
    std::optional<double> last_gbps;    ///< of the last transfer that went well
    std::chrono::nanoseconds elapsed{}; ///< since the first transfer began
    std::string what;                   ///< the one that begins now
};

using Progress = std::function<void(const ProgressNote& note)>;

/// Runs a plan that validate_plan() has passed: opens file and lab, runs every cell in every round,
/// in an order drawn anew for each round from the plan's seed. When `interrupted` becomes true,
/// ends within moments and returns what was measured, marked. Throws UsageError, SystemError when
/// nothing could be measured.
[[nodiscard]] RunResult run_experiment(const Plan& plan, const std::atomic<bool>& interrupted,
                                       const Progress& progress, const Pause& pause = {});

} // namespace pagewire::testbed
