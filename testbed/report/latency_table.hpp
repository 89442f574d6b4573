// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace pagewire::testbed::report {

/// The section "latency" of the terminal's table, at most 100 columns, from a result document;
/// empty where it has no latency rows.
[[nodiscard]] std::string latency_table(const nlohmann::json& document);

} // namespace pagewire::testbed::report
