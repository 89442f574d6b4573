// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/latency/latency.hpp"

#include "core/block_digests.hpp"
#include "core/source_file.hpp"
#include "core/units.hpp"
#include "testbed/latency/range_draw.hpp"
#include "testbed/registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace pagewire::testbed {

namespace {

/// A row's own requests stand apart from the order of the rounds, which the seed is for as well.
constexpr std::uint64_t kRangesSalt = 0x9E3779B97F4A7C15;
constexpr std::uint64_t kOrderSalt = 0xBF58476D1CE4E5B9;

nic::FeatureSettings needs_of(const core::Method& method)
{
    nic::FeatureSettings settings;
    for (const core::FeatureNeed& need : method.needs)
        settings[std::string(need.feature)] = need.on;
    return settings;
}

/// Why this method answers nothing; empty where it does.
std::string obstacle_of_method(const core::Method& method, const Lab& lab)
{
    if (method.answer == nullptr) {
        switch (method.wire) {
        case core::Wire::kUdp:
            return "answers no requests: its engine sends one stream of datagrams, and has no way "
                   "back for a request";
        case core::Wire::kNone:
            return "answers no requests: nothing leaves the process";
        case core::Wire::kTcp:
            return "answers no requests";
        }
    }
    if (const core::Support support = method.probe(); !support)
        return support.reason();
    return lab.feature_obstacle(needs_of(method));
}

/// Why the row cannot be of this file; empty where it can.
std::string obstacle_of_file(const LatencyRow& row, const Source& source)
{
    const std::string file_system = core::file_system_name(source.fd.get());
    if (row.cache == CacheState::kCold && (file_system == "tmpfs" || file_system == "ramfs"))
        return fmt::format("no cold cache: {} keeps its files in memory", file_system);
    const std::uint64_t num_ranges = RangeDraw::num_ranges_min(
        source.range.length / core::kBlockBytes, row.file_bytes / core::kBlockBytes);
    // Cold, a range is asked for once: one for the warm-ups, those that fill the pipe, and one.
    const std::uint64_t num_wanted =
        row.cache == CacheState::kHot ? 1 : 1 + (row.outstanding > 1 ? row.outstanding : 0) + 1;
    if (num_ranges >= num_wanted)
        return {};
    return fmt::format("the file's range has room for {} requests of {} that do not overlap, {} "
                       "are needed",
                       num_ranges, core::format_bytes(row.file_bytes), num_wanted);
}

std::vector<LatencyRow> make_rows(const LatencyBench& bench)
{
    std::vector<LatencyRow> rows;
    const LatencyPlan& latency = *bench.plan.latency;
    for (const CacheState cache : bench.plan.cache) {
        for (const std::string& name : bench.plan.methods) {
            const core::Method& method = *find_method(name);
            if (bench.plan.wire && method.wire != *bench.plan.wire)
                continue;
            const std::string skipped = obstacle_of_method(method, bench.lab);
            for (const std::uint64_t size : latency.sizes) {
                for (const std::uint32_t outstanding : latency.outstanding) {
                    LatencyRow row;
                    row.method = &method;
                    row.cache = cache;
                    row.file_bytes = size;
                    row.outstanding = outstanding;
                    row.skipped = skipped.empty() ? obstacle_of_file(row, bench.source) : skipped;
                    rows.push_back(std::move(row));
                }
            }
        }
    }
    return rows;
}

/// None without a request.
unsigned num_rounds(const Plan& plan)
{
    const std::uint64_t requests = plan.latency->requests;
    const std::uint64_t needed = (requests + kBurstRequestsMax - 1) / kBurstRequestsMax;
    return static_cast<unsigned>(std::min(requests, std::max<std::uint64_t>(plan.rounds, needed)));
}

/// Requests of a round: shared out so that the rounds' sum is the plan's number.
std::uint64_t share_of_round(const Plan& plan, unsigned round)
{
    const std::uint64_t requests = plan.latency->requests;
    return requests / num_rounds(plan) + (round < requests % num_rounds(plan) ? 1 : 0);
}

std::string describe(const LatencyRow& row)
{
    return fmt::format("latency of {} {}, {} x {}", row.method->name, cache_name(row.cache),
                       row.outstanding, core::format_bytes(row.file_bytes));
}

Cell cell_of(const LatencyRow& row)
{
    return {.method = row.method,
            .cache = row.cache,
            .arm = {},
            .features = needs_of(*row.method),
            .source = core::PayloadSource::kDisk};
}

AskRequest request_of(const LatencyRow& row, const Plan& plan, unsigned round)
{
    AskRequest request;
    request.request_bytes = row.file_bytes;
    request.outstanding = row.outstanding;
    request.num_warmups = kLatencyWarmups;
    request.num_requests = share_of_round(plan, round);
    request.each_range_once = row.cache == CacheState::kCold;
    request.seed = (plan.seed + round) * kRangesSalt; // the same for all rows of the round
    return request;
}

} // namespace

std::vector<LatencyRow> measure_latency(const LatencyBench& bench,
                                        const std::atomic<bool>& interrupted,
                                        const LatencyProgress& progress)
{
    std::vector<LatencyRow> rows = make_rows(bench);
    std::vector<LatencyRow*> turns;
    for (LatencyRow& row : rows) {
        if (row.skipped.empty())
            turns.push_back(&row);
    }
    const unsigned last_round = num_rounds(bench.plan);
    std::mt19937_64 random(bench.plan.seed * kOrderSalt);
    std::size_t num_done = 0;
    for (unsigned round = 0; round < last_round; ++round) {
        std::shuffle(turns.begin(), turns.end(), random);
        for (LatencyRow* row : turns) {
            if (interrupted.load())
                break;
            progress({.num_done = num_done,
                      .num_total = last_round * turns.size(),
                      .round = round + 1,
                      .last_round = last_round,
                      .what = describe(*row)});
            if (const auto burst =
                    bench.runner.ask(cell_of(*row), request_of(*row, bench.plan, round)))
                row->add(*burst);
            ++num_done;
        }
    }
    for (LatencyRow* row : turns) {
        if (row->num_bursts == 0)
            row->skipped = "interrupted before its first request";
    }
    return rows;
}

} // namespace pagewire::testbed
