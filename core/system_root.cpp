// SPDX-License-Identifier: BSD-3-Clause
#include "core/system_root.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>
#include <system_error>

namespace pagewire::core {

namespace {

constexpr std::string_view kSpace = " \t\r\n";

/// Far more than any machine has: a list that goes beyond is damaged, not long.
constexpr int kCpusMax = 65536;

std::string_view trimmed(std::string_view text)
{
    const auto first = text.find_first_not_of(kSpace);
    return first == std::string_view::npos
               ? std::string_view{}
               : text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

template<typename T>
std::optional<T> whole_number(std::string_view text)
{
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

/// What stands before the next `separator`, which is taken off `rest` with it.
std::string_view take_until(std::string_view& rest, char separator)
{
    const auto at = rest.find(separator);
    const std::string_view part = rest.substr(0, at);
    rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
    return part;
}

} // namespace

std::optional<std::string> read_text(const std::filesystem::path& file)
{
    std::ifstream stream(file);
    if (!stream)
        return std::nullopt;
    std::string text;
    std::getline(stream, text, '\0'); // text has none
    if (stream.bad())                 // sysfs files that exist may still refuse to be read
        return std::nullopt;
    text.erase(text.find_last_not_of(kSpace) + 1);
    return text;
}

std::optional<std::int64_t> read_number(const std::filesystem::path& file)
{
    const auto text = read_text(file);
    return text ? whole_number<std::int64_t>(*text) : std::nullopt;
}

std::optional<std::string> value_of(std::string_view text, std::string_view key, char separator)
{
    while (!text.empty()) {
        std::string_view value = take_until(text, '\n');
        if (const auto at = value.find(separator); at == std::string_view::npos)
            continue;
        if (trimmed(take_until(value, separator)) == key)
            return std::string(trimmed(value));
    }
    return std::nullopt;
}

std::vector<std::string> names_in(const std::filesystem::path& folder)
{
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        names.push_back(entry->path().filename());
    std::sort(names.begin(), names.end());
    return names;
}

std::optional<std::vector<int>> parse_cpu_list(std::string_view text)
{
    std::vector<int> cpus;
    for (std::string_view rest = trimmed(text); !rest.empty();) {
        std::string_view range = take_until(rest, ',');
        const bool single = range.find('-') == std::string_view::npos;
        const auto first = whole_number<int>(take_until(range, '-'));
        const auto last = single ? first : whole_number<int>(range);
        if (!first || !last || *first < 0 || *last < *first || *last >= kCpusMax)
            return std::nullopt;
        for (int cpu = *first; cpu <= *last; ++cpu)
            cpus.push_back(cpu);
    }
    return cpus;
}

} // namespace pagewire::core
