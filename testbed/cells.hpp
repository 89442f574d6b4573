// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/lab.hpp"
#include "testbed/matrix.hpp"
#include "testbed/plan.hpp"
#include "testbed/rounds.hpp"
#include "testbed/source.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace pagewire::testbed {

/// One setting of a plan (testbed/matrix.hpp) as its cells need it.
struct SettingView {
    const Plan* plan = nullptr;
    std::uint64_t file_bytes = 0; ///< of the range
    std::uint32_t mtu = 0;        ///< of the link
    const Source* source =
        nullptr;              ///< nullptr: not opened, and not asked what cannot be done with it
    const Lab* lab = nullptr; ///< the same
};

/// What a plan runs: a task for each row, in the order of the table, then the ceilings, if the plan
/// wants them. Settings and arms that come to the same for a method are one row. Cell::setting
/// counts in `settings`.
[[nodiscard]] std::vector<Task> make_tasks(const Plan& plan, std::span<const SettingView> settings);

} // namespace pagewire::testbed
