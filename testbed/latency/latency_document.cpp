// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/latency/latency_document.hpp"

#include "testbed/latency/latency.hpp"
#include "testbed/result.hpp"

#include <algorithm>

namespace pagewire::testbed {

namespace {

using nlohmann::json;

double to_us(std::uint64_t ns)
{
    constexpr double ns_per_us = 1e3;
    return static_cast<double>(ns) / ns_per_us;
}

struct NamedQuantile {
    const char* name;
    std::uint64_t num_of_100000;
};

constexpr NamedQuantile kQuantiles[] = {
    {"p50", 50'000}, {"p90", 90'000}, {"p99", 99'000}, {"p99_9", 99'900}};

json latency_json(const LatencyHistogram& histogram)
{
    if (histogram.count() == 0)
        return nullptr;
    json document{{"min", to_us(histogram.min())}, {"max", to_us(histogram.max())}};
    for (const NamedQuantile& quantile : kQuantiles)
        document[quantile.name] = to_us(histogram.quantile(quantile.num_of_100000));
    return document;
}

json histogram_json(const LatencyHistogram& histogram)
{
    json buckets = json::array();
    for (const auto& [bucket, count] : histogram.entries())
        buckets.push_back(json::array({to_us(LatencyHistogram::highest_in(bucket)), count}));
    return buckets;
}

json row_json(const LatencyRow& row)
{
    constexpr double ns_per_s = 1e9;
    const json rate = row.elapsed_ns > 0 ? json(static_cast<double>(row.num_answered) /
                                                (static_cast<double>(row.elapsed_ns) / ns_per_s))
                                         : json(nullptr);
    return {{"method", row.method->name},
            {"wire", core::wire_name(row.method->wire)},
            {"cache", cache_name(row.cache)},
            {"file_bytes", row.file_bytes},
            {"outstanding", row.outstanding},
            {"status", row.status()},
            {"reason", row.reason().empty() ? json(nullptr) : json(row.reason())},
            {"num_requests", row.histogram.count()},
            {"requests_per_s", rate},
            {"latency_us", latency_json(row.histogram)},
            {"histogram", histogram_json(row.histogram)},
            {"integrity",
             {{"blocks_good", row.blocks_good},
              {"blocks_bad", row.blocks_bad},
              {"verified", row.verified}}}};
}

} // namespace

void add_latency(json& document, const RunResult& result)
{
    if (!result.plan.latency)
        return;
    const LatencyPlan& plan = *result.plan.latency;
    document["plan"]["latency"] = {{"sizes_bytes", plan.sizes},
                                   {"outstanding", plan.outstanding},
                                   {"requests", plan.requests}};
    document["latency"] = json::array();
    for (const LatencyRow& row : result.latency)
        document["latency"].push_back(row_json(row));
    // A burst without TCP_NODELAY at either end fails (latency/burst.cpp): where there are figures,
    // it was in effect.
    const bool any = std::any_of(result.latency.begin(), result.latency.end(),
                                 [](const LatencyRow& row) { return row.histogram.count() > 0; });
    document["latency_setup"] = {{"warmup_requests", kLatencyWarmups},
                                 {"relative_error", LatencyHistogram::kRelativeError},
                                 {"tcp_nodelay", any ? json(true) : json(nullptr)}};
}

} // namespace pagewire::testbed
