// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/checks/check.hpp"
#include "nic/checks/rig.hpp"

#include <chrono>
#include <functional>
#include <span>
#include <vector>

namespace pagewire::nic {

struct CheckResult {
    const Check* check = nullptr;
    Finding finding;
    std::chrono::duration<double> seconds{};
};

/// Told before each check: how many are done, and which comes.
using CheckProgress = std::function<void(std::size_t num_done, const Check& next)>;

/// Runs the checks one after the other, each from the state that the rig was found in. A check that
/// throws has failed, and so has one after which the state cannot be restored or nothing arrives
/// any more: the rest is skipped then. Throws UsageError where the user wants the end.
[[nodiscard]] std::vector<CheckResult> run_checks(Rig& rig, std::span<const Check* const> chosen,
                                                  const CheckProgress& progress);

} // namespace pagewire::nic
