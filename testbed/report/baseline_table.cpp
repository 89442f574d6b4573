// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/report/baseline_table.hpp"

#include "testbed/report/fields.hpp"
#include "testbed/report/words.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

namespace pagewire::testbed::report {

namespace {

bool has_interval(const json& row)
{
    return interval_at(row, "/baseline_ratio/ci95").has_value();
}

std::string baseline_line(const json& row, const json& document)
{
    const json& ratio = at(row, "/baseline_ratio");
    const auto [low, high] = *interval_at(ratio, "/ci95");
    const std::string wire = text_at(ratio, "/wire");
    const std::string arm = text_at(ratio, "/arm");
    const bool other_arm = !arm.empty() && arm != text_at(row, "/arm");
    const std::string ratio_text = fmt::format(
        "  {:<14} {:<5} {:<10} {} ({:.2f}..{:.2f})  {}\n", text_at(row, "/method"),
        text_at(row, "/cache"), text_at(row, "/arm").empty() ? "-" : text_at(row, "/arm"),
        figure(number_at(ratio, "/median"), 2), low, high, text_at(ratio, "/difference"));
    std::vector<std::string> remarks;
    if (const std::string conditions = conditions_text(row, document); !conditions.empty())
        remarks.push_back(conditions);
    if (wire != text_at(row, "/wire"))
        remarks.push_back("over another wire: " + wire);
    if (other_arm)
        remarks.push_back("baseline's arm: " + arm);
    return ratio_text +
           hanging(std::string(15, ' '), fmt::format("{}", fmt::join(remarks, "; ")), 100);
}

} // namespace

std::string rounds_line(const json& document)
{
    const double measured = number_at(document, "/rounds/measured").value_or(0);
    const double least = number_at(document, "/plan/rounds").value_or(0);
    const double most = number_at(document, "/plan/rounds_max").value_or(least);
    std::string text = fmt::format("rounds  {:.0f}", measured);
    if (most > least)
        text += fmt::format(" of at most {:.0f}", most);
    if (const double warmups = number_at(document, "/rounds/warmup").value_or(0); warmups > 0)
        text += fmt::format(", after {:.0f} of warm-up thrown away", warmups);
    text += fmt::format(", interleaved in random order, seed {}",
                        figure(number_at(document, "/plan/seed"), 0));
    if (at(document, "/rounds/target_reached").is_boolean())
        text += fmt::format("\n        {} row's 95 % interval is within {} % of its median",
                            flag_at(document, "/rounds/target_reached") ? "every" : "not every",
                            figure(number_at(document, "/plan/target_percent"), 0));
    return text + "\n";
}

std::string baseline_table(const json& document)
{
    const json& rows = rows_of(document);
    const bool any = std::any_of(rows.begin(), rows.end(), [](const json& row) {
        return at(row, "/baseline_ratio").is_object();
    });
    if (!any)
        return {};
    const std::string baseline = text_at(document, "/plan/baseline");
    if (std::none_of(rows.begin(), rows.end(), has_interval))
        return fmt::format("against {}: undecided: six rounds or more tell a difference from "
                           "noise (--rounds 6)\n",
                           baseline);
    std::string text =
        fmt::format("goodput against {}, pairs of the same round, 95 % interval:\n", baseline);
    for (const json& row : rows) {
        if (has_interval(row))
            text += baseline_line(row, document);
    }
    return text;
}

} // namespace pagewire::testbed::report
