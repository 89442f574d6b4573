// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Texts of a document as lines for a person.
namespace pagewire::testbed::report {

/// Lines of at most `width` characters (code points of UTF-8), broken between words; a longer word
/// is broken where the line ends.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t width);

/// The text below itself: lines of `width` characters in all, the first after `first`, the others
/// after as many spaces, each with its line end.
[[nodiscard]] std::string hanging(std::string_view first, std::string_view text, std::size_t width);

/// The width of a column that holds this name too: no more than 24, for the names are foreign.
[[nodiscard]] std::size_t widened(std::size_t width, std::string_view name);

/// The document with '?' for each control character of its texts (C0, DEL and C1): a document is
/// foreign, and a terminal acts on them (ECMA-48).
[[nodiscard]] nlohmann::json without_controls(const nlohmann::json& document);

} // namespace pagewire::testbed::report
