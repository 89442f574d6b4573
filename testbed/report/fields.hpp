// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What reports read of a result document. A document may be of an older minor version, which lacks
/// what came later: every function here takes what is missing, or of another type, as nothing.
namespace pagewire::testbed::report {

using nlohmann::json;

/// What `pointer` ("/goodput_gbps/median") leads to; null where it leads nowhere.
[[nodiscard]] const json& at(const json& value, const char* pointer);

[[nodiscard]] std::optional<double> number_at(const json& value, const char* pointer);

/// Empty where there is no string.
[[nodiscard]] std::string text_at(const json& value, const char* pointer);

[[nodiscard]] bool flag_at(const json& value, const char* pointer);

/// "64 KiB"; empty where there is no count of bytes.
[[nodiscard]] std::string bytes_at(const json& value, const char* pointer);

/// The elements of an array of numbers; of others, none.
[[nodiscard]] std::vector<double> numbers_at(const json& value, const char* pointer);

[[nodiscard]] std::vector<std::string> texts_at(const json& value, const char* pointer);

/// A pair of numbers, as intervals are.
[[nodiscard]] std::optional<std::pair<double, double>> interval_at(const json& value,
                                                                   const char* pointer);

/// "MTU 9000", or that each row has its own.
[[nodiscard]] std::string mtu_text(const json& document);

/// "; and 2 files more, as each row says": what the plan's first file is not alone; else empty.
[[nodiscard]] std::string more_files_text(const json& document);

/// The rows; each an object.
[[nodiscard]] const json& rows_of(const json& document);

/// "MTU 1500, chunk 4 KiB": those of the row's conditions that have these names; conditions that
/// mean nothing to the row's method are left out.
[[nodiscard]] std::string conditions_text(const json& row, const std::vector<std::string>& names);

/// Those that the document's plan varies.
[[nodiscard]] std::string conditions_text(const json& row, const json& document);

/// "read_write cold tso-off, chunk 4 KiB": how a row is called outside of tables.
[[nodiscard]] std::string row_name(const json& row, const json& document);

/// "1.23", with so many digits; "-" where there is nothing.
[[nodiscard]] std::string figure(const std::optional<double>& value, int digits);

/// "yes" and "no" of textbook.agrees, in a report's words: "agrees", "differs", "undecided"; "-"
/// without a textbook.
[[nodiscard]] std::string verdict_text(const json& row);

/// Why a document has no speeds: what its rows are labelled with; empty where it has.
[[nodiscard]] std::string no_timings_text(const json& document);

/// "31 % of memcpy"; "-" where not known.
[[nodiscard]] std::string share_text(const json& row);

} // namespace pagewire::testbed::report
