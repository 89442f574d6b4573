// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/compare/compare.hpp"
#include "testbed/report/words.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pagewire::testbed {

namespace {

using nlohmann::json;

std::string figure(const std::optional<double>& value)
{
    return value ? fmt::format("{:.2f}", *value) : "-";
}

std::string ratio_text(const std::optional<RatioOfRuns>& ratio)
{
    if (!ratio)
        return "-";
    if (!ratio->interval)
        return fmt::format("{:.2f}", ratio->estimate);
    return fmt::format("{:.2f} ({:.2f}..{:.2f})", ratio->estimate, ratio->interval->first,
                       ratio->interval->second);
}

std::ptrdiff_t count(const Comparison& comparison, RowChange change)
{
    return std::count_if(comparison.rows.begin(), comparison.rows.end(),
                         [change](const RowComparison& row) { return row.change == change; });
}

template<typename T>
json or_null(const std::optional<T>& value)
{
    return value ? json(*value) : json(nullptr);
}

constexpr std::size_t kWidth = 100;
constexpr const char* kLine = "{:<{}} {:<4} {:<5} {:<10} {:>8} {:>8}  {:<20} {}\n";

} // namespace

std::string counts_text(const Comparison& comparison)
{
    std::vector<std::string> counts;
    for (const auto& [name, change] : kRowChangeNames) {
        if (const auto number = count(comparison, change); number > 0)
            counts.push_back(fmt::format("{} {}", number, name));
    }
    return fmt::format("{}", fmt::join(counts, ", "));
}

std::string comparison_table(const Comparison& comparison)
{
    std::string text;
    auto out = std::back_inserter(text);
    if (!comparison.circumstances.empty()) {
        text += "what else differs:\n";
        for (const std::string& line : comparison.circumstances)
            text += report::hanging("  ", line, kWidth);
        text += '\n';
    }
    std::size_t width = 12;
    for (const RowComparison& row : comparison.rows)
        width = report::widened(width, row.method);
    const std::string indent(width + 1, ' ');
    fmt::format_to(out, kLine, "", width, "", "", "", "Gb/s", "Gb/s", "after / before", "");
    text.erase(text.find_last_not_of(" \n") + 1);
    text += '\n';
    fmt::format_to(out, kLine, "method", width, "wire", "cache", "arm", "before", "after",
                   fmt::format("{:.0f} % of all rows", comparison.options.confidence * 100),
                   "change");
    for (const RowComparison& row : comparison.rows) {
        fmt::format_to(out, kLine, row.method, width, row.wire, row.cache,
                       row.arm.empty() ? "-" : row.arm, figure(row.goodput_before),
                       figure(row.goodput_after), ratio_text(row.ratio),
                       core::name_of(kRowChangeNames, row.change));
        if (!row.conditions.empty())
            text += report::hanging(indent, row.conditions, kWidth);
        for (const std::string& reason : row.reasons)
            text += report::hanging(indent, reason, kWidth);
    }
    fmt::format_to(out, "\n{}; a goodput lower by less than {:g} % is no regression\n",
                   counts_text(comparison), comparison.options.threshold * 100);
    return text;
}

json comparison_json(const Comparison& comparison)
{
    json rows = json::array();
    for (const RowComparison& row : comparison.rows) {
        json ratio = nullptr;
        if (row.ratio) {
            const auto& interval = row.ratio->interval;
            ratio = {
                {"estimate", row.ratio->estimate},
                {"interval", interval ? json{interval->first, interval->second} : json(nullptr)}};
        }
        rows.push_back(
            {{"method", row.method},
             {"wire", row.wire},
             {"cache", row.cache},
             {"arm", row.arm.empty() ? json(nullptr) : json(row.arm)},
             {"conditions", row.conditions.empty() ? json(nullptr) : json(row.conditions)},
             {"change", core::name_of(kRowChangeNames, row.change)},
             {"regression", row.is_regression()},
             {"reasons", row.reasons},
             {"goodput_gbps_before", or_null(row.goodput_before)},
             {"goodput_gbps_after", or_null(row.goodput_after)},
             {"goodput_ratio", ratio}});
    }
    return {{"schema", "pagewire.compare/1"},
            {"threshold", comparison.options.threshold},
            {"confidence", comparison.options.confidence},
            {"regression", comparison.has_regression()},
            {"circumstances", comparison.circumstances},
            {"rows", rows}};
}

} // namespace pagewire::testbed
