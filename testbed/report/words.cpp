// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/report/words.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace pagewire::testbed::report {

namespace {

using nlohmann::json;

bool begins_code_point(char c)
{
    return (static_cast<std::uint8_t>(c) & 0xc0U) != 0x80U; // RFC 3629 §3
}

std::size_t num_code_points(std::string_view text)
{
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_code_point));
}

/// Octets of the first `num` code points.
std::size_t octets_of(std::string_view text, std::size_t num)
{
    std::size_t i = 0;
    for (; i < text.size(); ++i) {
        if (begins_code_point(text[i]) && num-- == 0)
            break;
    }
    return i;
}

std::string printable(std::string_view text)
{
    std::string result;
    result.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto octet = static_cast<std::uint8_t>(text[i]);
        const auto next = i + 1 < text.size() ? static_cast<std::uint8_t>(text[i + 1]) : 0;
        if (octet < 0x20 || octet == 0x7f) {
            result += '?';
        } else if (octet == 0xc2 && next >= 0x80 && next < 0xa0) { // U+0080..U+009F
            result += '?';
            ++i;
        } else {
            result += text[i];
        }
    }
    return result;
}

} // namespace

std::vector<std::string> wrapped(std::string_view text, std::size_t width)
{
    constexpr std::string_view spaces = " \t\r\n";
    std::vector<std::string> lines;
    std::size_t used = 0;
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(spaces), text.size()));
        if (text.empty())
            return lines;
        std::string_view word = text.substr(0, text.find_first_of(spaces));
        word = word.substr(0, octets_of(word, width));
        text.remove_prefix(word.size());
        const std::size_t length = num_code_points(word);
        if (lines.empty() || used + 1 + length > width) {
            lines.emplace_back(word);
            used = length;
        } else {
            lines.back().append(" ").append(word);
            used += 1 + length;
        }
    }
}

std::size_t widened(std::size_t width, std::string_view name)
{
    constexpr std::size_t most = 24;
    return std::max(width, std::min(most, name.size()));
}

std::string hanging(std::string_view first, std::string_view text, std::size_t width)
{
    std::string result;
    const std::size_t indent = num_code_points(first);
    for (const std::string& line : wrapped(text, width > indent ? width - indent : 1)) {
        result += result.empty() ? std::string(first) : std::string(indent, ' ');
        result += line + '\n';
    }
    return result;
}

json without_controls(const json& document)
{
    if (document.is_string())
        return printable(document.get_ref<const std::string&>());
    if (document.is_array()) {
        json result = json::array();
        for (const json& element : document)
            result.push_back(without_controls(element));
        return result;
    }
    if (document.is_object()) {
        json result = json::object();
        for (const auto& [name, value] : document.items())
            result[printable(name)] = without_controls(value);
        return result;
    }
    return document;
}

} // namespace pagewire::testbed::report
