// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/ledger/figures.hpp"
#include "testbed/ledger/textbook.hpp"
#include "testbed/result.hpp"
#include "testbed/statistics.hpp"

#include <optional>
#include <span>

namespace pagewire::testbed {

/// What the ledger says of a row: medians over its good watched transfers; calls and payload bytes
/// of the first of them. Without a watched one, what the others know of themselves.
[[nodiscard]] LedgerFigures row_ledger(const Row& row);

/// Of those figures; nothing where the textbook says nothing or nothing was measured.
[[nodiscard]] std::optional<TextbookVerdict> row_verdict(const Row& row,
                                                         const LedgerFigures& figures);

/// What the ledger itself costs: goodput of a watched transfer / of the unwatched one of the same
/// round. Over all rows; nothing where no round was run both ways.
[[nodiscard]] std::optional<RatioOfPairs> ledger_cost(std::span<const Row> rows);

} // namespace pagewire::testbed
