// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/table_baseline.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pagewire::testbed {

namespace {

using nlohmann::json;

std::string text_or(const json& value, const char* otherwise)
{
    return value.is_null() ? otherwise : value.get<std::string>();
}

/// "sendfile_sg cold tso-on"
std::string row_name(const json& row)
{
    return fmt::format("{:<12} {:<5} {}", row.at("method").get<std::string>(),
                       row.at("cache").get<std::string>(), text_or(row.at("arm"), "-"));
}

bool has_interval(const json& row)
{
    const json& ratio = row.at("baseline_ratio");
    return !ratio.is_null() && !ratio.at("ci95").is_null();
}

std::string baseline_line(const json& row)
{
    const json& ratio = row.at("baseline_ratio");
    const std::string wire = ratio.at("wire").get<std::string>();
    const bool other_wire = wire != row.at("wire").get<std::string>();
    const std::string arm = text_or(ratio.at("arm"), "");
    const bool other_arm = arm != text_or(row.at("arm"), "");
    return fmt::format("  {:<30} {:.2f} ({:.2f}..{:.2f})  {}{}{}\n", row_name(row),
                       ratio.at("median").get<double>(), ratio.at("ci95")[0].get<double>(),
                       ratio.at("ci95")[1].get<double>(), ratio.at("difference").get<std::string>(),
                       other_wire ? fmt::format("; over another wire: {}", wire) : "",
                       other_arm && !arm.empty() ? fmt::format("; baseline's arm: {}", arm) : "");
}

} // namespace

std::string rounds_line(const json& document)
{
    const json& plan = document.at("plan");
    const json& rounds = document.at("rounds");
    const auto measured = rounds.at("measured").get<unsigned>();
    const auto most = plan.at("rounds_max").get<unsigned>();
    std::string text = fmt::format("rounds  {}", measured);
    if (most > plan.at("rounds").get<unsigned>())
        text += fmt::format(" of at most {}", most);
    if (const auto warmups = rounds.at("warmup").get<unsigned>(); warmups > 0)
        text += fmt::format(", after {} of warm-up thrown away", warmups);
    text +=
        fmt::format(", interleaved in random order, seed {}", plan.at("seed").get<std::uint64_t>());
    if (!rounds.at("target_reached").is_null()) {
        text += fmt::format("\n        {} row's 95 % interval is within {} % of its median",
                            rounds.at("target_reached").get<bool>() ? "every" : "not every",
                            plan.at("target_percent").get<unsigned>());
    }
    return text + "\n";
}

std::string baseline_table(const json& document)
{
    const json& rows = document.at("rows");
    const bool any = std::any_of(rows.begin(), rows.end(), [](const json& row) {
        return !row.at("baseline_ratio").is_null();
    });
    if (!any)
        return {};
    const std::string baseline = document.at("plan").at("baseline").get<std::string>();
    if (std::none_of(rows.begin(), rows.end(), has_interval))
        return fmt::format("against {}: undecided: six rounds or more tell a difference from "
                           "noise (--rounds 6)\n",
                           baseline);
    std::string text =
        fmt::format("goodput against {}, pairs of the same round, 95 % interval:\n", baseline);
    for (const json& row : rows) {
        if (has_interval(row))
            text += baseline_line(row);
    }
    return text;
}

} // namespace pagewire::testbed
