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
/// throws has failed; where a state cannot be restored, or the user wants the end (UsageError), the
/// exception passes and the rest is not run.
[[nodiscard]] std::vector<CheckResult> run_checks(Rig& rig, std::span<const Check* const> chosen,
                                                  const CheckProgress& progress);

} // namespace pagewire::nic
