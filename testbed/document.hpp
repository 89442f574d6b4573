// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace pagewire::testbed {

inline constexpr std::string_view kResultSchema = "pagewire.result/1";

/// A result document that a run has written (docs/result.schema.json), checked as far as its
/// readers rely on it. Throws core::UsageError in one line: the file cannot be read, is cut short,
/// is not a result document, is of a newer schema, or lacks what is named by its JSON pointer.
[[nodiscard]] nlohmann::json read_document(const std::string& path);

/// The same from text; `name` stands for the file in messages.
[[nodiscard]] nlohmann::json parse_document(std::string_view text, const std::string& name);

} // namespace pagewire::testbed
