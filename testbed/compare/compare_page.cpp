// SPDX-License-Identifier: BSD-3-Clause
// The comparison as a page: what is worse first.
#include "testbed/compare/compare.hpp"
#include "testbed/report/html.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::testbed {

namespace {

using report::escaped;
using report::HtmlTable;

std::string figure(const std::optional<double>& value)
{
    return value ? fmt::format("{:.2f}", *value) : "not measured";
}

std::string row_name(const RowComparison& row)
{
    return fmt::format("{} {} {}{}{}{}{}", row.method, row.wire, row.cache,
                       row.arm.empty() ? "" : " ", row.arm, row.conditions.empty() ? "" : ", ",
                       row.conditions);
}

std::string interval_text(const std::optional<RatioOfRuns>& ratio)
{
    return ratio && ratio->interval
               ? fmt::format("{:.2f}..{:.2f}", ratio->interval->first, ratio->interval->second)
               : "not known";
}

std::string rows_table(const Comparison& comparison)
{
    std::vector<const RowComparison*> rows;
    rows.reserve(comparison.rows.size());
    for (const RowComparison& row : comparison.rows)
        rows.push_back(&row);
    std::stable_sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) {
        return a->is_regression() && !b->is_regression();
    });
    HtmlTable table(
        "", {"row", "change", "why", "Gb/s before", "Gb/s after", "after / before",
             fmt::format("interval, {:g} % of all rows", comparison.options.confidence * 100)});
    for (const RowComparison* row : rows) {
        table.add({{.text = row_name(*row)},
                   {.text = std::string(core::name_of(kRowChangeNames, row->change)),
                    .css_class = row->is_regression() ? "failed" : ""},
                   {.text = fmt::format("{}", fmt::join(row->reasons, "; ")), .css_class = "words"},
                   {.text = figure(row->goodput_before), .is_figure = true},
                   {.text = figure(row->goodput_after), .is_figure = true},
                   {.text = row->ratio ? fmt::format("{:.2f}", row->ratio->estimate) : "not known",
                    .is_figure = true},
                   {.text = interval_text(row->ratio), .is_figure = true}});
    }
    return table.take();
}

/// Rows that decide nothing are no evidence of anything.
std::string_view verdict(const Comparison& comparison)
{
    if (comparison.has_regression())
        return "A regression";
    const bool decided =
        std::any_of(comparison.rows.begin(), comparison.rows.end(), [](const RowComparison& row) {
            return row.change == RowChange::kSame || row.change == RowChange::kBetter;
        });
    return decided ? "No regression" : "Nothing decided";
}

} // namespace

std::string comparison_page(const Comparison& comparison, const std::string& before,
                            const std::string& after)
{
    std::string body =
        fmt::format("<main>\n<h1>{}</h1>\n<p>Before: {}<br>After: {}</p>\n<p>{} of {} rows.</p>\n",
                    verdict(comparison), escaped(before), escaped(after), counts_text(comparison),
                    comparison.rows.size());
    body += fmt::format(
        "<p>Worse is a row that failed or was skipped and was not before, one that is missing, "
        "more CPU copies or disk DMA per byte, more crossings per turn, a payload that was "
        "zero-copy and is not, or a goodput surely lower by more than {:g} %.</p>\n"
        "<h2>Row by row</h2>\n",
        comparison.options.threshold * 100);
    body += rows_table(comparison);
    body += "<h2>What else differs</h2>\n";
    if (comparison.circumstances.empty())
        body += "<p>Nothing that the documents hold.</p>\n";
    else
        body += "<ul>\n";
    for (const std::string& line : comparison.circumstances)
        body += fmt::format("<li>{}</li>\n", escaped(line));
    if (!comparison.circumstances.empty())
        body += "</ul>\n";
    return report::html_page("pagewire compare", body + "</main>\n");
}

} // namespace pagewire::testbed
