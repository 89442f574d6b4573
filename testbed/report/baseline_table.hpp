// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <nlohmann/json.hpp>

#include <string>

/// Parts of the table for a person that speak of rounds and differences. From the document alone.
namespace pagewire::testbed::report {

/// "rounds  12 of at most 30, after 1 thrown away, in random order, seed 1: every interval within
/// 5 % of its median".
[[nodiscard]] std::string rounds_line(const nlohmann::json& document);

/// Each row's goodput against the baseline's, with what can be said of the difference; one line
/// where there are too few rounds to say anything.
[[nodiscard]] std::string baseline_table(const nlohmann::json& document);

} // namespace pagewire::testbed::report
