// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/dry_run.hpp"

#include "core/units.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <sstream>
#include <utility>
#include <vector>

namespace pagewire::testbed {

namespace {

/// "64 KiB" where that is exact, else an integer of bytes: what Value::size() reads.
struct SizeValue {
    std::uint64_t bytes;
};

void put(toml::table& table, std::string_view key, const SizeValue& size)
{
    for (const auto& [unit, name] : {std::pair{core::kGiB, "GiB"}, std::pair{core::kMiB, "MiB"},
                                     std::pair{core::kKiB, "KiB"}}) {
        if (size.bytes >= unit && size.bytes % unit == 0) {
            table.insert(key, std::to_string(size.bytes / unit) + " " + name);
            return;
        }
    }
    table.insert(key, static_cast<std::int64_t>(size.bytes));
}

void put(toml::table& table, std::string_view key, std::uint64_t number)
{
    table.insert(key, static_cast<std::int64_t>(number));
}

void put(toml::table& table, std::string_view key, const core::Rate& rate)
{
    if (rate.packets_per_s > 0)
        table.insert(key, core::format_rate(rate));
    else
        table.insert(key, rate.gbps);
}

/// One value, or the list of the matrix.
template<typename T, typename As>
void put_all(toml::table& table, std::string_view key, const T& one, const std::vector<T>& all,
             As as)
{
    if (all.empty()) {
        put(table, key, as(one));
        return;
    }
    toml::array array;
    for (const T& value : all) {
        toml::table single;
        put(single, key, as(value));
        array.push_back(*single.get(key));
    }
    table.insert(key, std::move(array));
}

template<typename Range, typename Word>
toml::array words(const Range& range, Word word)
{
    toml::array array;
    for (const auto& element : range)
        array.push_back(std::string(word(element)));
    return array;
}

constexpr auto kAsSize = [](std::uint64_t bytes) { return SizeValue{bytes}; };
constexpr auto kAsNumber = [](std::uint64_t number) { return number; };

toml::table file_table(const Plan& plan)
{
    toml::table table;
    if (plan.path.empty())
        put_all(table, "size", plan.generated_bytes, plan.matrix.generated_bytes, kAsSize);
    else
        table.insert("path", plan.path);
    put(table, "offset", SizeValue{plan.offset});
    put_all(table, "length", plan.length, plan.matrix.length, kAsSize);
    return table;
}

toml::table run_table(const Plan& plan)
{
    toml::table table;
    table.insert("methods", words(plan.methods, [](const std::string& name) { return name; }));
    table.insert("cache", words(plan.cache, cache_name));
    if (plan.wire)
        table.insert("wire", core::wire_name(*plan.wire));
    table.insert("sink", sink_name(plan.sink));
    put(table, "rounds", plan.rounds);
    put(table, "rounds_max", plan.rounds_max);
    put(table, "warmup", plan.warmup);
    put(table, "target_percent", plan.target_percent);
    table.insert("baseline", plan.baseline_method());
    put(table, "seed", plan.seed);
    put_all(table, "chunk", plan.chunk_bytes, plan.matrix.chunk_bytes, kAsSize);
    table.insert("verify", plan.verify);
    table.insert("ledger", ledger_mode_name(plan.ledger));
    table.insert("ceilings", plan.ceilings);
    table.insert("time_limit_s", static_cast<std::int64_t>(plan.time_limit.count()));
    return table;
}

toml::table link_table(const Plan& plan)
{
    toml::table table;
    put_all(table, "mtu", plan.mtu, plan.matrix.mtu, kAsNumber);
    put(table, "queues", plan.num_queues);
    return table;
}

toml::table dataplane_table(const Plan& plan)
{
    const core::DataplaneJob& job = plan.dataplane;
    toml::table table;
    put(table, "queue", job.queue);
    put_all(table, "queues", job.num_queues, plan.matrix.num_queues, kAsNumber);
    put(table, "umem", SizeValue{job.umem_bytes});
    put(table, "frame", SizeValue{job.frame_bytes});
    put(table, "disk_depth", job.disk_depth);
    put(table, "ring", job.ring_entries);
    table.insert("source", job.source == core::PayloadSource::kDisk ? "disk" : "memory");
    table.insert("layout", core::name_of(core::kPacketLayoutNames, job.layout));
    table.insert("checksum", core::name_of(core::kChecksumModeNames, job.checksum));
    table.insert("bind", core::name_of(core::kBindModeNames, job.bind));
    table.insert("protect_payload", job.protect_payload);
    put(table, "busy_poll_us", job.busy_poll_us);
    put_all(table, "rate", job.rate, plan.matrix.rate, [](const core::Rate& rate) { return rate; });
    table.insert("fault", job.fault);
    table.insert("dpdk_port", job.dpdk_port);
    return table;
}

toml::table latency_table(const LatencyPlan& latency)
{
    toml::table table;
    put_all(table, "sizes", std::uint64_t{}, latency.sizes, kAsSize);
    put_all(table, "outstanding", std::uint32_t{}, latency.outstanding, kAsNumber);
    put(table, "requests", latency.requests);
    return table;
}

toml::table lab_table(const Plan& plan)
{
    toml::table table;
    table.insert("kind", lab_kind_name(plan.lab));
    if (plan.lab == LabKind::kVm && !plan.interface.empty())
        table.insert("interface", plan.interface);
    if (plan.lab == LabKind::kHost) {
        table.insert("interface", plan.interface);
        table.insert("peer", plan.peer);
        table.insert("allow_nic_changes", plan.allow_nic_changes);
    }
    return table;
}

toml::array arms_array(const Plan& plan)
{
    toml::array arms;
    for (const Arm& arm : plan.arms) {
        toml::table features;
        for (const auto& [name, on] : arm.features)
            features.insert(name, on);
        features.is_inline(true);
        toml::table table;
        table.insert("name", arm.name);
        table.insert("features", std::move(features));
        table.insert("map_per_chunk", arm.map_per_chunk);
        arms.push_back(std::move(table));
    }
    return arms;
}

} // namespace

std::string plan_toml(const Plan& plan)
{
    toml::table root;
    root.insert("file", file_table(plan));
    root.insert("run", run_table(plan));
    root.insert("link", link_table(plan));
    if (!plan.arms.empty())
        root.insert("arms", arms_array(plan));
    root.insert("dataplane", dataplane_table(plan));
    if (plan.latency)
        root.insert("latency", latency_table(*plan.latency));
    root.insert("lab", lab_table(plan));
    std::ostringstream text;
    text << root << '\n';
    return text.str();
}

} // namespace pagewire::testbed
