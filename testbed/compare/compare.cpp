// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/compare/compare.hpp"

#include "core/error.hpp"
#include "testbed/compare/circumstances.hpp"
#include "testbed/report/fields.hpp"
#include "testbed/report/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <tuple>

namespace pagewire::testbed {

namespace {

using nlohmann::json;
using report::number_at;
using report::text_at;

/// The conditions that one of the two documents varies: part of a row's name in both.
std::set<std::string> varied_in(const json& before, const json& after)
{
    std::set<std::string> names;
    for (const json* document : {&before, &after}) { // one from before matrices has none
        for (const std::string& name : report::texts_at(*document, "/varied"))
            names.insert(name);
    }
    return names;
}

using RowKey = std::tuple<std::string, std::string, std::string, std::string, std::string>;

RowKey key_of(const json& row, const std::set<std::string>& varied)
{
    return {text_at(row, "/method"), text_at(row, "/wire"), text_at(row, "/cache"),
            text_at(row, "/arm"), report::conditions_text(row, {varied.begin(), varied.end()})};
}

const json* find_row(const json& document, const RowKey& key, const std::set<std::string>& varied)
{
    for (const json& row : document.at("rows")) {
        if (key_of(row, varied) == key)
            return &row;
    }
    return nullptr;
}

// One row.

/// A figure of the ledger of which more is worse, and how much more is one.
struct Cost {
    const char* name;
    const char* where;
    double least;    ///< a difference below it is noise
    double relative; ///< and so is one below this share of the figure
};

/// Copies are counted to the byte, crossings to the call, and yet a retransmission moves both.
constexpr std::array<Cost, 3> kCosts{
    Cost{"CPU copies per byte", "/ledger/cpu_copies_per_byte", 0.05, 0.02},
    Cost{"crossings per turn", "/ledger/crossings_per_turn", 0.2, 0.10},
    Cost{"disk DMA per byte", "/ledger/dma_disk_per_byte", 0.05, 0.05},
};

struct Judged {
    bool worse = false;
    bool better = false;
};

void judge_costs(const json& before, const json& after, RowComparison& row, Judged& judged)
{
    for (const Cost& cost : kCosts) {
        const auto was = number_at(before, cost.where);
        const auto is = number_at(after, cost.where);
        if (!was || !is)
            continue;
        if (std::abs(*is - *was) <= std::max(cost.least, cost.relative * *was))
            continue;
        (*is > *was ? judged.worse : judged.better) = true;
        row.reasons.push_back(fmt::format("{}: {:.2f} -> {:.2f}", cost.name, *was, *is));
    }
    const std::string was = text_at(before, "/zero_copy/observed");
    const std::string is = text_at(after, "/zero_copy/observed");
    if (was == is)
        return;
    judged.worse = judged.worse || was == "zero-copy";
    judged.better = judged.better || is == "zero-copy";
    row.reasons.push_back(fmt::format("payload: {} -> {}", was, is));
}

void judge_goodput(const json& before, const json& after, double confidence, double threshold,
                   RowComparison& row, Judged& judged)
{
    row.goodput_before = number_at(before, "/goodput_gbps/median");
    row.goodput_after = number_at(after, "/goodput_gbps/median");
    row.ratio = ratio_of_runs(report::numbers_at(before, "/goodput_gbps/samples"),
                              report::numbers_at(after, "/goodput_gbps/samples"), confidence);
    if (!row.ratio || !row.ratio->interval)
        return;
    const auto [low, high] = *row.ratio->interval;
    if (high < 1 - threshold) {
        judged.worse = true;
        row.reasons.push_back(fmt::format("slower by {:.0f} % at least", (1 - high) * 100));
    } else if (low > 1 + threshold) {
        judged.better = true;
    }
}

RowComparison compare_row(const json& before, const json* after, const RowKey& key,
                          double confidence, double threshold)
{
    RowComparison row;
    std::tie(row.method, row.wire, row.cache, row.arm, row.conditions) = key;
    const std::string was = text_at(before, "/status");
    if (after == nullptr) {
        row.change = was == "skipped" ? RowChange::kSame : RowChange::kMissing;
        row.reasons.emplace_back(was == "skipped" ? "was skipped before" : "is not there any more");
        return row;
    }
    const std::string is = text_at(*after, "/status");
    Judged judged;
    if (was != is) {
        judged.worse = was == "ok" || is == "failed";
        judged.better = is == "ok";
        const std::string why = text_at(*after, "/reason");
        row.reasons.push_back(fmt::format("{} -> {}{}{}", was, is, why.empty() ? "" : ": ", why));
    }
    judge_costs(before, *after, row, judged);
    judge_goodput(before, *after, confidence, threshold, row, judged);
    const bool decided = row.ratio && row.ratio->interval;
    if (judged.worse)
        row.change = RowChange::kWorse;
    else if (judged.better)
        row.change = RowChange::kBetter;
    else
        row.change =
            decided || (was == is && is == "skipped") ? RowChange::kSame : RowChange::kUndecided;
    return row;
}

} // namespace

bool Comparison::has_regression() const
{
    return std::any_of(rows.begin(), rows.end(),
                       [](const RowComparison& row) { return row.is_regression(); });
}

Comparison compare_documents(const json& foreign_before, const json& foreign_after,
                             const CompareOptions& options)
{
    const json before = report::without_controls(foreign_before);
    const json after = report::without_controls(foreign_after);
    Comparison comparison{
        .options = options, .circumstances = circumstances_of(before, after), .rows = {}};
    const json& rows = before.at("rows");
    const std::set<std::string> varied = varied_in(before, after);
    const auto num_common = std::count_if(rows.begin(), rows.end(), [&](const json& row) {
        return find_row(after, key_of(row, varied), varied) != nullptr;
    });
    if (num_common == 0)
        throw core::UsageError("the two documents have no row in common: compare runs of one plan");
    // Bonferroni: each row may be wrong so seldom that all of them together are right with the
    // confidence asked for.
    const double each = 1 - (1 - options.confidence) / static_cast<double>(num_common);
    for (const json& row : rows) {
        const RowKey key = key_of(row, varied);
        comparison.rows.push_back(
            compare_row(row, find_row(after, key, varied), key, each, options.threshold));
    }
    for (const json& row : after.at("rows")) {
        const RowKey key = key_of(row, varied);
        if (find_row(before, key, varied) != nullptr)
            continue;
        RowComparison made;
        std::tie(made.method, made.wire, made.cache, made.arm, made.conditions) = key;
        made.change = RowChange::kNew;
        made.goodput_after = number_at(row, "/goodput_gbps/median");
        comparison.rows.push_back(std::move(made));
    }
    return comparison;
}

} // namespace pagewire::testbed
