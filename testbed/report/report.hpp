// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/report/plots.hpp"

#include <nlohmann/json.hpp>

#include <span>
#include <string>

/// Reports of a run, each made from its result document alone (docs/report.md). The document is one
/// that parse_document() let through; what else it lacks is shown as not measured.
namespace pagewire::testbed::report {

struct TableStyle {
    bool colour = false; ///< ANSI colours (ECMA-48 SGR) on what went wrong
};

/// For a person at a terminal, 100 columns: what it cost, what the ledger saw, what differs from
/// the baseline, the limits.
[[nodiscard]] std::string table(const nlohmann::json& document, const TableStyle& style = {});

/// For a spreadsheet: a line for each row with all its figures (RFC 4180). Text that a spreadsheet
/// would take for a formula is quoted with an apostrophe.
[[nodiscard]] std::string csv(const nlohmann::json& document);

/// One self-contained page: no script, nothing fetched. `drawings` are the SVGs of `plots`, in
/// their order.
[[nodiscard]] std::string page(const nlohmann::json& document, std::span<const Plot> plots,
                               std::span<const std::string> drawings);

/// The way of a byte by this row's method, and what its steps were seen to cost, as SVG; empty
/// where the document does not say what the way is.
[[nodiscard]] std::string data_path_svg(const nlohmann::json& row, const nlohmann::json& document);

} // namespace pagewire::testbed::report
