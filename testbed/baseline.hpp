// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/result.hpp"
#include "testbed/statistics.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace pagewire::testbed {

/// A row's goodput against that of the baseline's row.
struct BaselineRatio {
    const Row* baseline = nullptr;
    RatioOfPairs ratio; ///< row / baseline, of transfers of the same round
};

/// The row of `method` that `row` is held against: of the same cache state, and of the same arm, or
/// of the first there is. Null: `row` is of that method itself, or there is none.
[[nodiscard]] const Row* baseline_of(const Row& row, std::span<const Row> rows,
                                     std::string_view method);

/// Pairs are of one round: what drifts over a run hits both. Nothing where there is no baseline or
/// no round in which both went well.
[[nodiscard]] std::optional<BaselineRatio>
against_baseline(const Row& row, std::span<const Row> rows, std::string_view method);

} // namespace pagewire::testbed
