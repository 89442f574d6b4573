// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/plan.hpp"
#include "testbed/result.hpp"
#include "testbed/transfer.hpp"

#include <atomic>
#include <functional>
#include <string>

namespace pagewire::testbed {

/// How far a run is, for a progress line: transfers done and in all, and the one that begins now.
using Progress =
    std::function<void(std::size_t num_done, std::size_t num_total, const std::string& what)>;

/// Runs a plan that validate_plan() has passed: opens file and lab, runs every cell in every round,
/// in an order drawn anew for each round from the plan's seed. When `interrupted` becomes true,
/// ends within moments and returns what was measured, marked. Throws UsageError, SystemError when
/// nothing could be measured.
[[nodiscard]] RunResult run_experiment(const Plan& plan, const std::atomic<bool>& interrupted,
                                       const Progress& progress, const Pause& pause = {});

} // namespace pagewire::testbed
