// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/compare/compare.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <tuple>

namespace pagewire::testbed {

namespace {

using nlohmann::json;

std::string text_of(const json& value)
{
    return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

/// Empty where the object has no such text.
std::string text_at(const json& object, const char* key)
{
    const auto found = object.find(key);
    return found == object.end() ? std::string() : text_of(*found);
}

/// The conditions that one of the two documents varies: part of a row's name in both.
std::set<std::string> varied_in(const json& before, const json& after)
{
    std::set<std::string> names;
    for (const json* document : {&before, &after}) {
        const auto varied = document->find("varied");
        if (varied == document->end() || !varied->is_array())
            continue; // from before there were matrices
        for (const json& name : *varied)
            names.insert(text_of(name));
    }
    return names;
}

/// "chunk_bytes 4096, mtu 1500": those of the names that the row has.
std::string conditions_text(const json& row, const std::set<std::string>& varied)
{
    std::string text;
    const auto conditions = row.find("conditions");
    if (conditions == row.end() || !conditions->is_object())
        return text;
    for (const std::string& name : varied) {
        if (const std::string value = text_at(*conditions, name.c_str()); !value.empty())
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value);
    }
    return text;
}

using RowKey = std::tuple<std::string, std::string, std::string, std::string, std::string>;

RowKey key_of(const json& row, const std::set<std::string>& varied)
{
    return {text_at(row, "method"), text_at(row, "wire"), text_at(row, "cache"),
            text_at(row, "arm"), conditions_text(row, varied)};
}

const json* find_row(const json& document, const RowKey& key, const std::set<std::string>& varied)
{
    for (const json& row : document.at("rows")) {
        if (key_of(row, varied) == key)
            return &row;
    }
    return nullptr;
}

// What differs beside the rows.

/// A fact of the document, and its name for a person.
struct Fact {
    const char* name;
    json::json_pointer where;
};

const std::vector<Fact>& facts()
{
    static const std::vector<Fact> all{
        {"pagewire", json::json_pointer("/tool/version")},
        {"kernel", json::json_pointer("/host/kernel")},
        {"distribution", json::json_pointer("/host/distribution")},
        {"processor", json::json_pointer("/host/processor")},
        {"CPUs", json::json_pointer("/host/num_cpus")},
        {"memory", json::json_pointer("/host/memory_bytes")},
        {"lab", json::json_pointer("/lab/kind")},
        {"interface", json::json_pointer("/lab/interface")},
        {"driver", json::json_pointer("/lab/driver")},
        {"MTU", json::json_pointer("/lab/mtu")},
        {"queues", json::json_pointer("/lab/queues")},
        {"file system", json::json_pointer("/plan/file/file_system")},
        {"bytes sent", json::json_pointer("/plan/file/length")},
        {"content", json::json_pointer("/plan/file/digest")},
        {"chunk", json::json_pointer("/plan/chunk_bytes")},
        {"sink", json::json_pointer("/plan/sink")},
        {"dataplane", json::json_pointer("/plan/dataplane")},
    };
    return all;
}

std::string fact_of(const json& document, const json::json_pointer& where)
{
    return document.contains(where) ? text_of(document.at(where)) : "";
}

/// Of each finding that is no "ok": not what was seen, which has figures that never come twice.
std::set<std::string> findings_of(const json& document)
{
    std::set<std::string> findings;
    for (const json& finding : document.at("doctor")) {
        if (finding.at("severity") != "ok")
            findings.insert(
                fmt::format("{} ({})", text_of(finding.at("id")), text_of(finding.at("severity"))));
    }
    return findings;
}

std::vector<std::string> circumstances_of(const json& before, const json& after)
{
    std::vector<std::string> lines;
    for (const Fact& fact : facts()) {
        const std::string was = fact_of(before, fact.where);
        const std::string is = fact_of(after, fact.where);
        if (was != is)
            lines.push_back(fmt::format("{}: {} -> {}", fact.name, was.empty() ? "none" : was,
                                        is.empty() ? "none" : is));
    }
    const std::set<std::string> had = findings_of(before);
    const std::set<std::string> has = findings_of(after);
    for (const std::string& finding : had) {
        if (!has.contains(finding))
            lines.push_back("only before: " + finding);
    }
    for (const std::string& finding : has) {
        if (!had.contains(finding))
            lines.push_back("only after: " + finding);
    }
    return lines;
}

// One row.

/// A figure of the ledger of which more is worse, and how much more is one.
struct Cost {
    const char* name;
    const char* key;
    double least;    ///< a difference below it is noise
    double relative; ///< and so is one below this share of the figure
};

/// Copies are counted to the byte, crossings to the call, and yet a retransmission moves both.
constexpr std::array<Cost, 3> kCosts{
    Cost{"CPU copies per byte", "cpu_copies_per_byte", 0.05, 0.02},
    Cost{"crossings per turn", "crossings_per_turn", 0.2, 0.10},
    Cost{"disk DMA per byte", "dma_disk_per_byte", 0.05, 0.05},
};

std::optional<double> number_at(const json& object, const char* key)
{
    const auto found = object.find(key);
    return found != object.end() && found->is_number() ? std::optional(found->get<double>())
                                                       : std::nullopt;
}

struct Judged {
    bool worse = false;
    bool better = false;
};

void judge_costs(const json& before, const json& after, RowComparison& row, Judged& judged)
{
    for (const Cost& cost : kCosts) {
        const auto was = number_at(before.at("ledger"), cost.key);
        const auto is = number_at(after.at("ledger"), cost.key);
        if (!was || !is)
            continue;
        if (std::abs(*is - *was) <= std::max(cost.least, cost.relative * *was))
            continue;
        (*is > *was ? judged.worse : judged.better) = true;
        row.reasons.push_back(fmt::format("{}: {:.2f} -> {:.2f}", cost.name, *was, *is));
    }
    const std::string was = text_of(before.at("zero_copy").at("observed"));
    const std::string is = text_of(after.at("zero_copy").at("observed"));
    if (was == is)
        return;
    judged.worse = judged.worse || was == "zero-copy";
    judged.better = judged.better || is == "zero-copy";
    row.reasons.push_back(fmt::format("payload: {} -> {}", was, is));
}

void judge_goodput(const json& before, const json& after, double confidence, double threshold,
                   RowComparison& row, Judged& judged)
{
    const json& was = before.at("goodput_gbps");
    const json& is = after.at("goodput_gbps");
    row.goodput_before = number_at(was, "median");
    row.goodput_after = number_at(is, "median");
    row.ratio = ratio_of_runs(was.at("samples").get<std::vector<double>>(),
                              is.at("samples").get<std::vector<double>>(), confidence);
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
    const std::string was = text_of(before.at("status"));
    if (after == nullptr) {
        row.change = was == "skipped" ? RowChange::kSame : RowChange::kMissing;
        row.reasons.emplace_back(was == "skipped" ? "was skipped before" : "is not there any more");
        return row;
    }
    const std::string is = text_of(after->at("status"));
    Judged judged;
    if (was != is) {
        judged.worse = was == "ok" || is == "failed";
        judged.better = is == "ok";
        const std::string why = text_at(*after, "reason");
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
        row.change = decided || is == "skipped" ? RowChange::kSame : RowChange::kUndecided;
    return row;
}

} // namespace

bool Comparison::has_regression() const
{
    return std::any_of(rows.begin(), rows.end(),
                       [](const RowComparison& row) { return row.is_regression(); });
}

Comparison compare_documents(const json& before, const json& after, const CompareOptions& options)
{
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
        made.goodput_after = number_at(row.at("goodput_gbps"), "median");
        comparison.rows.push_back(std::move(made));
    }
    return comparison;
}

} // namespace pagewire::testbed
