// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/report/fields.hpp"

#include "core/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace pagewire::testbed::report {

namespace {

const json kNull;
const json kNoRows = json::array();

/// A parser's numbers are unsigned where they can be; a builder's are not.
bool is_count(const json& value)
{
    return value.is_number_unsigned() ||
           (value.is_number_integer() && value.get<std::int64_t>() >= 0);
}

std::string condition_text(const json& conditions, const std::string& name)
{
    const json& value = at(conditions, ("/" + name).c_str());
    if (value.is_string())
        return value.get<std::string>();
    if (!is_count(value))
        return {};
    const auto number = value.get<std::uint64_t>();
    if (name == "mtu")
        return fmt::format("MTU {}", number);
    if (name == "queues")
        return fmt::format("{} queue{}", number, number == 1 ? "" : "s");
    if (name == "chunk_bytes")
        return "chunk " + core::format_bytes(number);
    return name == "file_bytes" ? core::format_bytes(number) : std::to_string(number);
}

} // namespace

const json& at(const json& value, const char* pointer)
{
    const json::json_pointer where(pointer);
    return value.is_structured() && value.contains(where) ? value.at(where) : kNull;
}

std::optional<double> number_at(const json& value, const char* pointer)
{
    const json& found = at(value, pointer);
    return found.is_number() ? std::optional(found.get<double>()) : std::nullopt;
}

std::string text_at(const json& value, const char* pointer)
{
    const json& found = at(value, pointer);
    return found.is_string() ? found.get<std::string>() : std::string();
}

std::string bytes_at(const json& value, const char* pointer)
{
    const json& found = at(value, pointer);
    return is_count(found) ? core::format_bytes(found.get<std::uint64_t>()) : "";
}

bool flag_at(const json& value, const char* pointer)
{
    const json& found = at(value, pointer);
    return found.is_boolean() && found.get<bool>();
}

std::vector<double> numbers_at(const json& value, const char* pointer)
{
    std::vector<double> numbers;
    if (const json& found = at(value, pointer); found.is_array()) {
        for (const json& element : found) {
            if (element.is_number())
                numbers.push_back(element.get<double>());
        }
    }
    return numbers;
}

std::vector<std::string> texts_at(const json& value, const char* pointer)
{
    std::vector<std::string> texts;
    if (const json& found = at(value, pointer); found.is_array()) {
        for (const json& element : found) {
            if (element.is_string())
                texts.push_back(element.get<std::string>());
        }
    }
    return texts;
}

std::optional<std::pair<double, double>> interval_at(const json& value, const char* pointer)
{
    const std::vector<double> ends = numbers_at(value, pointer);
    return ends.size() == 2 ? std::optional(std::pair(ends[0], ends[1])) : std::nullopt;
}

std::string mtu_text(const json& document)
{
    const std::vector<std::string> varied = texts_at(document, "/varied");
    return std::find(varied.begin(), varied.end(), "mtu") == varied.end()
               ? "MTU " + figure(number_at(document, "/lab/mtu"), 0)
               : "MTU as each row says";
}

std::string more_files_text(const json& document)
{
    const json& files = at(document, "/plan/files");
    return files.is_array() && files.size() > 1
               ? fmt::format("; and {} more, as each row says", files.size() - 1)
               : "";
}

const json& rows_of(const json& document)
{
    const json& rows = at(document, "/rows");
    return rows.is_array() ? rows : kNoRows;
}

std::string conditions_text(const json& row, const std::vector<std::string>& names)
{
    std::string text;
    for (const std::string& name : names) {
        if (name.find_first_of("/~") != std::string::npos)
            continue; // no name of a condition
        if (const std::string value = condition_text(at(row, "/conditions"), name); !value.empty())
            text += (text.empty() ? "" : ", ") + value;
    }
    return text;
}

std::string conditions_text(const json& row, const json& document)
{
    return conditions_text(row, texts_at(document, "/varied"));
}

std::string row_name(const json& row, const json& document)
{
    std::string name = text_at(row, "/method") + ' ' + text_at(row, "/cache");
    if (const std::string arm = text_at(row, "/arm"); !arm.empty())
        name += ' ' + arm;
    if (const std::string conditions = conditions_text(row, document); !conditions.empty())
        name += ", " + conditions;
    return name;
}

std::string figure(const std::optional<double>& value, int digits)
{
    return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

std::string verdict_text(const json& row)
{
    if (!at(row, "/textbook").is_object())
        return "-";
    if (!at(row, "/textbook/agrees").is_boolean())
        return "undecided";
    return flag_at(row, "/textbook/agrees") ? "agrees" : "differs";
}

std::string no_timings_text(const json& document)
{
    for (const json& row : rows_of(document)) {
        if (std::string why = text_at(row, "/timings"); !why.empty())
            return why;
    }
    return {};
}

std::string share_text(const json& row)
{
    const auto ratio = number_at(row, "/share_of_ceiling/ratio");
    return ratio
               ? fmt::format("{:.0f}% {}", *ratio * 100, text_at(row, "/share_of_ceiling/ceiling"))
               : "-";
}

} // namespace pagewire::testbed::report
