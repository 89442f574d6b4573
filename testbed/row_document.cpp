// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/row_document.hpp"

#include "core/units.hpp"
#include "testbed/baseline.hpp"
#include "testbed/bottleneck.hpp"
#include "testbed/row_ledger.hpp"
#include "testbed/statistics.hpp"
#include "testbed/usage_meter.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <span>

namespace pagewire::testbed {

namespace {

using nlohmann::json;

/// Median over the samples of the row's goodput, of a figure that a sample may lack.
std::optional<double> median_of(const Row& row,
                                const std::function<std::optional<double>(const Sample&)>& figure)
{
    std::vector<double> values;
    for (const Sample* sample : row.timed()) {
        if (const auto value = figure(*sample))
            values.push_back(*value);
    }
    return values.empty() ? std::nullopt : std::optional(median(values));
}

std::optional<double> per_unit(double amount, std::uint64_t bytes, std::uint64_t unit_bytes)
{
    return bytes == 0 ? std::nullopt
                      : std::optional(amount * static_cast<double>(unit_bytes) /
                                      static_cast<double>(bytes));
}

json goodput_json(const Row& row)
{
    const std::vector<double> samples = row.goodputs();
    const auto interval = median_ci95(samples);
    const auto half_width = relative_half_width(samples);
    return {{"half_width", or_null(half_width)},
            {"median", samples.empty() ? json(nullptr) : json(median(samples))},
            {"ci95", interval ? json{interval->first, interval->second} : json(nullptr)},
            {"samples", samples}};
}

json cpu_json(const Row& row)
{
    using Seconds = std::function<std::optional<double>(const Sample&)>;
    const auto per_gib = [&](const Seconds& seconds) {
        return or_null(median_of(row, [&](const Sample& sample) -> std::optional<double> {
            const auto spent = seconds(sample);
            return spent ? per_unit(*spent, sample.worker.report.bytes_sent, core::kGiB)
                         : std::nullopt;
        }));
    };
    const auto of_machine = [](const Sample& sample, double SystemCpu::*seconds) {
        const WorkerFigures& figures = sample.worker.figures;
        return figures.elapsed_ns < kCpuWindow.count() ? std::nullopt
                                                       : std::optional(figures.system.*seconds);
    };
    return {
        {"worker", per_gib([](const Sample& s) {
             return s.worker.figures.cpu_user_s + s.worker.figures.cpu_system_s;
         })},
        {"worker_user", per_gib([](const Sample& s) { return s.worker.figures.cpu_user_s; })},
        {"worker_system", per_gib([](const Sample& s) { return s.worker.figures.cpu_system_s; })},
        {"sink", per_gib([](const Sample& s) { return s.sink.cpu_user_s + s.sink.cpu_system_s; })},
        {"system", per_gib([&](const Sample& s) { return of_machine(s, &SystemCpu::busy_s); })},
        {"system_user",
         per_gib([&](const Sample& s) { return of_machine(s, &SystemCpu::user_s); })},
        {"system_kernel",
         per_gib([&](const Sample& s) { return of_machine(s, &SystemCpu::system_s); })},
        {"softirq",
         per_gib([&](const Sample& s) { return of_machine(s, &SystemCpu::softirq_s); })}};
}

json ledger_json(const LedgerFigures& figures)
{
    const bool counted = figures.syscalls_per_mib.value.has_value();
    json document{{"syscalls", counted ? json(figures.syscalls) : json(nullptr)},
                  {"syscalls_after", counted ? json(figures.syscalls_after) : json(nullptr)},
                  {"payload_bytes", figures.payload_bytes},
                  {"evidence", json::object()}};
    for (const NamedFigure& named : kLedgerFigures) {
        const Figure& figure = figures.*named.figure;
        document[named.name] = or_null(figure.value);
        document["evidence"][named.name] = figure.evidence;
    }
    return document;
}

json integrity_json(const Row& row)
{
    core::BlockCounts worst;
    bool verified = !row.samples.empty();
    std::uint64_t duplicate = 0;
    std::uint64_t lost = 0;
    for (const Sample& sample : row.samples) {
        // The worst sample speaks for the row.
        if (sample.sink.verified && worst.good + worst.bad + worst.missing == 0)
            worst = sample.sink.blocks;
        if (sample.sink.blocks.bad + sample.sink.blocks.missing > worst.bad + worst.missing)
            worst = sample.sink.blocks;
        verified = verified && sample.sink.verified;
        duplicate = std::max(duplicate, sample.sink.bytes_duplicate);
        const auto it = sample.sink.report.counters.find("datagrams_lost");
        lost = std::max(lost, it == sample.sink.report.counters.end() ? 0 : it->second);
    }
    return {{"blocks_good", worst.good},       {"blocks_bad", worst.bad},
            {"blocks_missing", worst.missing}, {"bytes_duplicate", duplicate},
            {"datagrams_lost", lost},          {"verified", verified}};
}

json zero_copy_json(const Row& row, const LedgerFigures& figures)
{
    std::string requested;
    std::string reported;
    for (const Sample& sample : row.samples) {
        requested = sample.worker.report.zero_copy_requested;
        reported = sample.worker.report.zero_copy_kernel_reported;
    }
    return {{"requested", or_null(requested)},
            {"kernel_reported", or_null(reported)},
            {"observed", zero_copy_name(figures.observed)},
            {"evidence", figures.observed_evidence}};
}

json textbook_json(const std::optional<TextbookVerdict>& verdict)
{
    if (!verdict)
        return nullptr;
    return {{"crossings", verdict->crossings},
            {"cpu_copies", verdict->cpu_copies},
            {"dma", verdict->dma},
            {"agrees", verdict->agrees ? json(*verdict->agrees) : json(nullptr)},
            {"notes", verdict->notes}};
}

json ratio_json(const RatioOfPairs& ratio)
{
    return {{"median", ratio.median},
            {"ci95", ratio.ci95 ? json{ratio.ci95->first, ratio.ci95->second} : json(nullptr)},
            {"num_pairs", ratio.num_pairs}};
}

/// The row against the plan's baseline: which row that is, and what the ratio says.
json baseline_json(const Row& row, const RunResult& result)
{
    const auto against = against_baseline(row, result.rows, result.plan.baseline_method());
    if (!against)
        return nullptr;
    json document = ratio_json(against->ratio);
    document["method"] = against->baseline->method->name;
    document["arm"] = or_null(against->baseline->arm);
    document["wire"] = core::wire_name(against->baseline->method->wire);
    document["conditions"] = conditions_document(against->baseline->conditions);
    document["difference"] = core::name_of(kDifferenceNames, difference(against->ratio));
    return document;
}

/// What the queue sent, over its own time: no goodput, for the receiver judges the stream as a
/// whole.
double sent_gbps(const core::QueueReport& queue)
{
    return core::gigabits_per_second(queue.bytes_sent,
                                     static_cast<std::uint64_t>(queue.elapsed.count()));
}

json queues_json(const Sample& sample)
{
    json queues = json::array();
    for (const core::QueueReport& queue : sample.worker.report.queues) {
        queues.push_back({{"queue", queue.queue},
                          {"cpu", queue.cpu < 0 ? json(nullptr) : json(queue.cpu)},
                          {"bytes_sent", queue.bytes_sent},
                          {"packets", queue.packets},
                          {"elapsed_s", std::chrono::duration<double>(queue.elapsed).count()},
                          {"sent_gbps", sent_gbps(queue)}});
    }
    return queues;
}

/// In the timed transfers' median.
json row_queues_json(const Row& row)
{
    std::map<std::uint32_t, std::vector<double>> rates;
    for (const Sample* sample : row.timed()) {
        for (const core::QueueReport& queue : sample->worker.report.queues)
            rates[queue.queue].push_back(sent_gbps(queue));
    }
    json queues = json::array();
    for (const auto& [queue, values] : rates)
        queues.push_back({{"queue", queue}, {"sent_gbps", median(values)}});
    return queues;
}

json bottleneck_json(const Row& row, const Ceilings& ceilings)
{
    const auto found = bottleneck(row, ceilings);
    if (!found)
        return nullptr;
    return {{"limit", core::name_of(kLimitNames, found->limit)}, {"sentence", found->sentence}};
}

} // namespace

json conditions_document(const Conditions& conditions)
{
    const auto number = [](const auto& value) { return value ? json(*value) : json(nullptr); };
    return {{"file_bytes", conditions.file_bytes},
            {"chunk_bytes", number(conditions.chunk_bytes)},
            {"mtu", conditions.mtu},
            {"queues", number(conditions.num_queues)},
            {"rate", conditions.rate ? json(core::format_rate(*conditions.rate)) : json(nullptr)}};
}

json ledger_cost_document(std::span<const Row> rows)
{
    const auto cost = ledger_cost(rows);
    return cost ? ratio_json(*cost) : json(nullptr);
}

json row_document(const Row& row, const RunResult& result)
{
    const LedgerFigures figures = row_ledger(row);
    json document{{"method", row.method->name},
                  {"wire", core::wire_name(row.method->wire)},
                  {"cache", cache_name(row.cache)},
                  {"arm", or_null(row.arm)},
                  {"conditions", conditions_document(row.conditions)},
                  {"features", row.features},
                  {"map_per_chunk", row.map_per_chunk},
                  {"status", row.status()},
                  {"reason", or_null(row.reason())},
                  {"goodput_gbps", goodput_json(row)},
                  {"cpu_s_per_gib", cpu_json(row)},
                  {"ledger", ledger_json(figures)},
                  {"zero_copy", zero_copy_json(row, figures)},
                  {"integrity", integrity_json(row)},
                  {"textbook", textbook_json(row_verdict(row, figures))},
                  {"share_of_ceiling", nullptr},
                  {"bottleneck", bottleneck_json(row, result.ceilings)},
                  {"queues", row_queues_json(row)},
                  {"transfers", json::array()}};
    document["ledger"]["goodput_ratio"] = ledger_cost_document({&row, 1});
    document["baseline_ratio"] = baseline_json(row, result);
    if (const auto share = share_of_ceiling(row, result.ceilings))
        document["share_of_ceiling"] = {{"ceiling", share->ceiling}, {"ratio", share->ratio}};
    for (const Sample& sample : row.samples) {
        json counters = sample.worker.report.counters;
        counters.update(json(sample.sink.report.counters));
        json facts = sample.worker.report.facts;
        facts.update(json(sample.sink.report.facts));
        document["transfers"].push_back(
            {{"round", sample.round},
             {"watched", sample.watched},
             {"error", or_null(sample.error)},
             {"goodput_gbps", sample.goodput_gbps},
             {"elapsed_s", static_cast<double>(sample.worker.figures.elapsed_ns) / 1e9},
             {"quiet_s", std::chrono::duration<double>(sample.worker.report.quiet).count()},
             {"bytes_sent", sample.worker.report.bytes_sent},
             {"num_turns", sample.worker.report.num_turns},
             {"queues", queues_json(sample)},
             {"counters", counters},
             {"facts", facts}});
    }
    return document;
}

} // namespace pagewire::testbed
