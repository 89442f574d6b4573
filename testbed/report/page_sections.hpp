// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/report/fields.hpp"
#include "testbed/report/html.hpp"

#include <optional>
#include <string>
#include <string_view>

/// The parts of the page, each HTML, each with its heading; empty where the document has nothing to
/// say there.
namespace pagewire::testbed::report {

/// What was run, and where.
[[nodiscard]] std::string machine_section(const json& document);
/// A table for each wire, by the median of goodput: never one against another.
[[nodiscard]] std::string rows_section(const json& document);
[[nodiscard]] std::string baseline_section(const json& document);
[[nodiscard]] std::string bottleneck_section(const json& document);
/// The limits that were measured in the same minutes, by setting where there were several.
[[nodiscard]] std::string ceilings_section(const json& document);
[[nodiscard]] std::string ledger_section(const json& document);
[[nodiscard]] std::string latency_section(const json& document);
[[nodiscard]] std::string doctor_section(const json& document);
/// The command and the plan.
[[nodiscard]] std::string repeat_section(const json& document);

// What sections are made of.

[[nodiscard]] std::string heading(std::string_view text);
[[nodiscard]] std::string paragraph(std::string_view css, std::string_view text);
/// A cell with the figure, or "not measured".
[[nodiscard]] HtmlCell figure_cell(const std::optional<double>& value, int digits);
/// "1.02..1.31", or "not known".
[[nodiscard]] HtmlCell interval_cell(const json& value, const char* pointer);

} // namespace pagewire::testbed::report
