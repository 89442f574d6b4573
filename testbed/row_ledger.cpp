// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/row_ledger.hpp"

#include <algorithm>
#include <iterator>

namespace pagewire::testbed {

namespace {

/// The samples that speak for the row's ledger: good ones, of these the watched ones, and of these
/// those whose reading is believed. Never some of one kind and some of another: their evidence
/// differs.
std::vector<const Sample*> witnesses(const Row& row)
{
    std::vector<const Sample*> samples;
    for (const Sample& sample : row.samples) {
        if (sample.error.empty())
            samples.push_back(&sample);
    }
    const auto prefer = [&](auto&& condition) {
        std::vector<const Sample*> better;
        std::copy_if(samples.begin(), samples.end(), std::back_inserter(better), condition);
        if (!better.empty())
            samples = std::move(better);
    };
    prefer([](const Sample* s) { return s->watched; });
    prefer([](const Sample* s) { return s->ledger.syscalls_per_mib.value.has_value(); });
    prefer([](const Sample* s) { return s->ledger.cpu_copies_per_byte.value.has_value(); });
    return samples;
}

Figure median_figure(const std::vector<const Sample*>& samples, Figure LedgerFigures::*figure)
{
    std::vector<double> values;
    for (const Sample* sample : samples) {
        if (const auto& value = (sample->ledger.*figure).value)
            values.push_back(*value);
    }
    if (values.empty())
        return samples.front()->ledger.*figure; // the reason
    const auto first = std::find_if(samples.begin(), samples.end(), [&](const Sample* s) {
        return (s->ledger.*figure).value.has_value();
    });
    return {.value = median(values), .evidence = ((*first)->ledger.*figure).evidence};
}

} // namespace

LedgerFigures row_ledger(const Row& row)
{
    const auto samples = witnesses(row);
    LedgerFigures figures;
    if (samples.empty()) {
        for (const NamedFigure& named : kLedgerFigures)
            figures.*named.figure = unavailable("no good transfer");
        figures.observed_evidence = "unavailable: no good transfer";
        return figures;
    }
    figures = samples.front()->ledger;
    for (const NamedFigure& named : kLedgerFigures)
        figures.*named.figure = median_figure(samples, named.figure);
    return figures;
}

std::optional<TextbookVerdict> row_verdict(const Row& row, const LedgerFigures& figures)
{
    const auto samples = witnesses(row);
    if (samples.empty())
        return std::nullopt;
    const Sample& sample = *samples.front();
    return compare_with_textbook(*row.method,
                                 {.hot = row.cache == CacheState::kHot,
                                  .map_per_chunk = row.map_per_chunk,
                                  .from_memory = row.from_memory,
                                  .sparse = row.sparse,
                                  .scatter_gather = sample.scatter_gather,
                                  .mode = sample.worker.report.zero_copy_kernel_reported,
                                  .num_turns = sample.worker.report.num_turns},
                                 figures);
}

std::optional<RatioOfPairs> ledger_cost(std::span<const Row> rows)
{
    std::vector<double> ratios;
    for (const Row& row : rows) {
        for (const Sample& watched : row.samples) {
            if (!watched.watched || !watched.error.empty())
                continue;
            for (const Sample& plain : row.samples) {
                if (!plain.watched && plain.round == watched.round && plain.error.empty() &&
                    plain.goodput_gbps > 0)
                    ratios.push_back(watched.goodput_gbps / plain.goodput_gbps);
            }
        }
    }
    return ratio_of_pairs(ratios);
}

} // namespace pagewire::testbed
