// SPDX-License-Identifier: BSD-3-Clause
#include "core/units.hpp"
#include "testbed/dry_run.hpp"
#include "testbed/latency/latency_document.hpp"
#include "testbed/ledger/step_figure.hpp"
#include "testbed/matrix.hpp"
#include "testbed/result.hpp"
#include "testbed/row_document.hpp"
#include "testbed/virtual_hardware.hpp"
#include "version.hpp" // generated

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace pagewire::testbed {

namespace {

using nlohmann::json;

json file_json(const FileFacts& file)
{
    return {{"path", file.path},
            {"file_system", file.file_system},
            {"offset", file.range.offset},
            {"length", file.range.length},
            {"digest", fmt::format("xxh3-64/4KiB:{:016x}", file.digest_summary)}};
}

json plan_json(const RunResult& result)
{
    const Plan& plan = result.plan;
    json arms = json::array();
    for (const Arm& arm : plan.arms)
        arms.push_back(
            {{"name", arm.name}, {"features", arm.features}, {"map_per_chunk", arm.map_per_chunk}});
    json cache = json::array();
    for (const CacheState state : plan.cache)
        cache.push_back(cache_name(state));
    json files = json::array();
    for (const FileFacts& file : result.files)
        files.push_back(file_json(file));
    return {{"file", files.front()},
            {"files", files},
            {"methods", plan.methods},
            {"cache", cache},
            {"rounds", plan.rounds},
            {"rounds_max", plan.last_round()},
            {"warmup", plan.warmup},
            {"target_percent", plan.target_percent},
            {"baseline", plan.baseline_method()},
            {"seed", plan.seed},
            {"chunk_bytes", plan.chunk_bytes},
            {"verify", plan.verify},
            {"sink", sink_name(plan.sink)},
            {"ledger", ledger_mode_name(plan.ledger)},
            {"time_limit_s", plan.time_limit.count()},
            {"arms", arms},
            {"dataplane",
             {{"queue", plan.dataplane.queue},
              {"queues", plan.dataplane.num_queues},
              {"umem_bytes", plan.dataplane.umem_bytes},
              {"frame_bytes", plan.dataplane.frame_bytes},
              {"disk_depth", plan.dataplane.disk_depth},
              {"ring_entries", plan.dataplane.ring_entries},
              {"source", plan.dataplane.source == core::PayloadSource::kDisk ? "disk" : "memory"},
              {"layout", core::name_of(core::kPacketLayoutNames, plan.dataplane.layout)},
              {"checksum", core::name_of(core::kChecksumModeNames, plan.dataplane.checksum)},
              {"bind", core::name_of(core::kBindModeNames, plan.dataplane.bind)},
              {"protect_payload", plan.dataplane.protect_payload},
              {"busy_poll_us", plan.dataplane.busy_poll_us},
              {"rate_gbps", plan.dataplane.rate.gbps},
              {"rate_packets_per_s", plan.dataplane.rate.packets_per_s},
              {"dpdk_port", or_null(plan.dataplane.dpdk_port)},
              {"fault", or_null(plan.dataplane.fault)}}}};
}

/// The names of the conditions, each once.
json varied_json(const Matrix& matrix)
{
    json names = json::array();
    for (const VariedKey& key : varied_keys(matrix)) {
        if (std::find(names.begin(), names.end(), key.condition) == names.end())
            names.push_back(key.condition);
    }
    return names;
}

/// One figure of each kind where the plan has one setting for it; where it has several, which of
/// them a figure is of stands in `by_setting`.
json ceilings_json(const Ceilings& ceilings)
{
    json document{{"disk_gbps", nullptr},
                  {"wire_gbps", json::object()},
                  {"memcpy_gbps", or_null(ceilings.memcpy_gbps)},
                  {"by_setting", json::array()}};
    std::map<std::string, std::vector<double>> figures;
    for (const MeasuredCeiling& ceiling : ceilings.measured) {
        figures[ceiling.is_disk ? "" : ceiling.engine].push_back(ceiling.gbps);
        json wire = json::object();
        if (!ceiling.is_disk)
            wire[ceiling.engine] = ceiling.gbps;
        document["by_setting"].push_back(
            {{"conditions", conditions_document(ceiling.conditions)},
             {"disk_gbps", ceiling.is_disk ? json(ceiling.gbps) : json(nullptr)},
             {"wire_gbps", std::move(wire)}});
    }
    for (const auto& [engine, gbps] : figures) {
        if (gbps.size() > 1)
            continue;
        if (engine.empty())
            document["disk_gbps"] = gbps.front();
        else
            document["wire_gbps"][engine] = gbps.front();
    }
    return document;
}

json methods_json(const RunResult& result)
{
    json methods = json::object();
    for (const Row& row : result.rows) {
        json path = json::array();
        for (const core::PathStep& step : row.method->path) {
            const StepFigure figure = step_figure(step.cost);
            const bool moves = figure.figure != nullptr;
            path.push_back({{"to", step.to},
                            {"how", step.how},
                            {"figure", moves ? json(figure.name()) : json(nullptr)},
                            {"unit", moves ? json(figure.unit) : json(nullptr)}});
        }
        methods[std::string(row.method->name)] = {{"summary", row.method->summary},
                                                  {"path", std::move(path)}};
    }
    return methods;
}

json ledger_summary_json(const RunResult& result)
{
    return {{"mode", ledger_mode_name(result.plan.ledger)},
            {"unavailable", or_null(result.no_ledger)},
            {"goodput_ratio", ledger_cost_document(result.rows)}};
}

} // namespace

json result_document(const RunResult& result)
{
    json document{{"schema", "pagewire.result/1"},
                  {"tool", {{"name", "pagewire"}, {"version", version()}}},
                  {"host", host_facts()},
                  {"doctor", doctor::findings_json(result.findings)},
                  {"started_at", result.started_at},
                  {"elapsed_s", result.elapsed_s},
                  {"interrupted", result.interrupted},
                  {"rounds",
                   {{"warmup", result.num_warmups},
                    {"measured", result.num_rounds},
                    {"target_reached",
                     result.target_reached ? json(*result.target_reached) : json(nullptr)}}},
                  {"lab", result.lab},
                  {"plan", plan_json(result)},
                  {"plan_toml", plan_toml(result.plan)},
                  {"methods", methods_json(result)},
                  {"varied", varied_json(result.plan.matrix)},
                  {"ceilings", ceilings_json(result.ceilings)},
                  {"ledger", ledger_summary_json(result)},
                  {"rows", json::array()}};
    if (!result.command.empty())
        document["command"] = result.command;
    for (const Row& row : result.rows)
        document["rows"].push_back(row_document(row, result));
    add_latency(document, result);
    if (result.lab.value("virtual_hardware", false))
        drop_timings(document);
    return document;
}

} // namespace pagewire::testbed
