// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/plan.hpp"

#include <string>

namespace pagewire::testbed {

/// What `pagewire run` would do, without doing any of it:
///
///     plan_toml(plan)   the whole plan, defaults written out, as a plan that can be run
///     dry_run(plan)     that, and as comments behind it the rows and about how long they take
///
/// No file is opened and no lab: whether a NIC has a feature, or a file allows direct I/O, only the
/// run finds out. The plan has passed validate_plan(). Throws core::UsageError where the plan's
/// file is not there.
[[nodiscard]] std::string dry_run(const Plan& plan);

[[nodiscard]] std::string plan_toml(const Plan& plan);

/// About how long one transfer takes on the link of a laboratory: what the estimate rests on.
inline constexpr double kEstimatedGbps = 8;
inline constexpr double kEstimatedSetUpS = 0.1;

} // namespace pagewire::testbed
