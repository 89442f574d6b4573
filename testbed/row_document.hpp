// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/matrix.hpp"
#include "testbed/result.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <span>
#include <string>

/// The parts of the result document that are about rows (docs/result.schema.json, $defs/row).
namespace pagewire::testbed {

[[nodiscard]] nlohmann::json row_document(const Row& row, const RunResult& result);

[[nodiscard]] nlohmann::json conditions_document(const Conditions& conditions);

/// What the ledger costs: $defs/ratio, or null.
[[nodiscard]] nlohmann::json ledger_cost_document(std::span<const Row> rows);

[[nodiscard]] inline nlohmann::json or_null(const std::string& text)
{
    return text.empty() ? nlohmann::json(nullptr) : nlohmann::json(text);
}

[[nodiscard]] inline nlohmann::json or_null(const std::optional<double>& value)
{
    return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

} // namespace pagewire::testbed
