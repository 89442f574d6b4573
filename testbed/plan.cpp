// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/plan.hpp"
#include "testbed/plan_rules.hpp"
#include "testbed/plan_value.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <utility>

namespace pagewire::testbed {

namespace {

template<typename Target>
struct Key {
    std::string_view name;
    void (*set)(Target&, const Value&);
};

template<typename Target>
using Keys = std::span<const Key<Target>>;

/// The key of that name; throws where there is none, with those that there are. The plan itself is
/// the table without a name.
template<typename Target>
const Key<Target>& find_key(Keys<Target> keys, const std::string& table, const toml::key& wanted)
{
    std::vector<std::string_view> names;
    for (const Key<Target>& key : keys) {
        if (key.name == wanted.str())
            return key;
        names.push_back(key.name);
    }
    const std::string words =
        table.empty() ? fmt::format("unknown table or key {:?}: those of a plan are", wanted.str())
                      : fmt::format("unknown key {:?}: the keys of {} are", wanted.str(), table);
    throw error_at(wanted.source(), fmt::format("{} {}", words, fmt::join(names, ", ")));
}

/// Sets what the keys of one table say.
template<typename Target>
void read_keys(Target& target, Keys<Target> keys, const Value& table)
{
    for (const auto& [name, node] : table.table("a table")) {
        const Key<Target>& key = find_key(keys, table.key(), name);
        std::string full_name = table.key().empty() ? "" : table.key() + '.';
        full_name += key.name;
        key.set(target, Value(std::move(full_name), node));
    }
}

constexpr Key<Plan> kFileKeys[] = {
    {"path",
     [](Plan& plan, const Value& value) {
         plan.path = value.name();
         plan.matrix.generated_bytes.clear(); // of a plan that this one extends
     }},
    {"size",
     [](Plan& plan, const Value& value) {
         plan.path.clear(); // of a plan that this one extends
         value.values(plan.generated_bytes, plan.matrix.generated_bytes,
                      [](const Value& one) { return one.size(kGeneratedLimits); });
     }},
    {"offset", [](Plan& plan, const Value& value) { plan.offset = value.size(kRangeLimits); }},
    {"length",
     [](Plan& plan, const Value& value) {
         value.values(plan.length, plan.matrix.length,
                      [](const Value& one) { return one.size(kRangeLimits); });
     }},
};

void set_methods(Plan& plan, const Value& value)
{
    plan.methods.clear();
    for (const Value& element : value.elements("an array of strings"))
        plan.methods.push_back(element.name());
}

void set_cache(Plan& plan, const Value& value)
{
    plan.cache.clear();
    if (value.node().is_string()) {
        plan.cache.push_back(value.parsed(parse_cache_state));
        return;
    }
    for (const Value& element : value.elements("\"cold\", \"hot\" or an array of them"))
        plan.cache.push_back(element.parsed(parse_cache_state));
}

constexpr Key<Plan> kRunKeys[] = {
    {"methods", set_methods},
    {"cache", set_cache},
    {"wire", [](Plan& plan, const Value& value) { plan.wire = value.parsed(parse_wire); }},
    {"sink", [](Plan& plan, const Value& value) { plan.sink = value.parsed(parse_sink_kind); }},
    {"rounds",
     [](Plan& plan, const Value& value) { plan.rounds = value.integer<unsigned>(kRoundsLimits); }},
    {"rounds_max",
     [](Plan& plan, const Value& value) {
         plan.rounds_max = value.integer<unsigned>(kRoundsMaxLimits);
     }},
    {"warmup",
     [](Plan& plan, const Value& value) { plan.warmup = value.integer<unsigned>(kWarmupLimits); }},
    {"target_percent",
     [](Plan& plan, const Value& value) {
         plan.target_percent = value.integer<unsigned>(kTargetLimits);
     }},
    {"baseline", [](Plan& plan, const Value& value) { plan.baseline = value.name(); }},
    {"seed", [](Plan& plan, const Value& value) { plan.seed = value.integer(kSeedLimits); }},
    {"chunk",
     [](Plan& plan, const Value& value) {
         value.values(plan.chunk_bytes, plan.matrix.chunk_bytes,
                      [](const Value& one) { return one.size(kChunkLimits); });
     }},
    {"verify", [](Plan& plan, const Value& value) { plan.verify = value.flag(); }},
    {"ledger",
     [](Plan& plan, const Value& value) { plan.ledger = value.parsed(parse_ledger_mode); }},
    {"ceilings", [](Plan& plan, const Value& value) { plan.ceilings = value.flag(); }},
    {"time_limit_s",
     [](Plan& plan, const Value& value) {
         plan.time_limit = std::chrono::seconds(value.integer<int>(kTimeLimits));
     }},
};

constexpr Key<Plan> kLinkKeys[] = {
    {"mtu",
     [](Plan& plan, const Value& value) {
         value.values(plan.mtu, plan.matrix.mtu,
                      [](const Value& one) { return one.integer<std::uint32_t>(kMtuLimits); });
     }},
    {"queues",
     [](Plan& plan, const Value& value) {
         plan.num_queues = value.integer<std::uint32_t>(kQueuesLimits);
     }},
};

constexpr Key<Plan> kDataplaneKeys[] = {
    {"queue",
     [](Plan& plan, const Value& value) {
         plan.dataplane.queue = value.integer<std::uint32_t>(kQueueLimits);
     }},
    {"queues",
     [](Plan& plan, const Value& value) {
         value.values(plan.dataplane.num_queues, plan.matrix.num_queues,
                      [](const Value& one) { return one.integer<std::uint32_t>(kQueuesLimits); });
     }},
    {"umem",
     [](Plan& plan, const Value& value) { plan.dataplane.umem_bytes = value.size(kUmemLimits); }},
    {"frame",
     [](Plan& plan, const Value& value) {
         plan.dataplane.frame_bytes = value.size<std::uint32_t>(kFrameLimits);
     }},
    {"disk_depth",
     [](Plan& plan, const Value& value) {
         plan.dataplane.disk_depth = value.integer<std::uint32_t>(kDiskDepthLimits);
     }},
    {"ring",
     [](Plan& plan, const Value& value) {
         plan.dataplane.ring_entries = value.integer<std::uint32_t>(kRingLimits);
     }},
    {"source",
     [](Plan& plan, const Value& value) {
         plan.dataplane.source = value.parsed(parse_payload_source);
     }},
    {"layout",
     [](Plan& plan, const Value& value) {
         plan.dataplane.layout = value.parsed(parse_packet_layout);
     }},
    {"checksum",
     [](Plan& plan, const Value& value) {
         plan.dataplane.checksum = value.parsed(parse_checksum_mode);
     }},
    {"bind",
     [](Plan& plan, const Value& value) { plan.dataplane.bind = value.parsed(parse_bind_mode); }},
    {"protect_payload",
     [](Plan& plan, const Value& value) { plan.dataplane.protect_payload = value.flag(); }},
    {"busy_poll_us",
     [](Plan& plan, const Value& value) {
         plan.dataplane.busy_poll_us = value.integer<std::uint32_t>(kBusyPollLimits);
     }},
    {"rate",
     [](Plan& plan, const Value& value) {
         value.values(plan.dataplane.rate, plan.matrix.rate,
                      [](const Value& one) { return one.rate(); });
     }},
    {"fault", [](Plan& plan, const Value& value) { plan.dataplane.fault = value.text(); }},
    {"dpdk_port", [](Plan& plan, const Value& value) { plan.dataplane.dpdk_port = value.text(); }},
};

void set_lab_kind(Plan& plan, const Value& value)
{
    plan.lab = value.parsed(parse_lab_kind);
}

constexpr Key<Plan> kLabKeys[] = {
    {"kind", set_lab_kind},
    {"interface", [](Plan& plan, const Value& value) { plan.interface = value.text(); }},
    {"peer", [](Plan& plan, const Value& value) { plan.peer = value.text(); }},
    {"allow_nic_changes",
     [](Plan& plan, const Value& value) { plan.allow_nic_changes = value.flag(); }},
};

void set_features(Arm& arm, const Value& value)
{
    for (const auto& [feature, node] : value.table("a table of ethtool features = true or false")) {
        const std::string_view name = feature.str();
        arm.features.insert_or_assign(std::string(name),
                                      Value(fmt::format("{}.{}", value.key(), name), node).flag());
    }
}

constexpr Key<Arm> kArmKeys[] = {
    {"name", [](Arm& arm, const Value& value) { arm.name = value.name(); }},
    {"features", set_features},
    {"map_per_chunk", [](Arm& arm, const Value& value) { arm.map_per_chunk = value.flag(); }},
};

void read_file(Plan& plan, const Value& value)
{
    read_keys(plan, Keys<Plan>(kFileKeys), value);
    const toml::table& table = *value.node().as_table();
    if (const toml::node* size = table.get("size"); size != nullptr && table.contains("path")) {
        throw Value("file.size", *size)
            .error("is for a generated file: leave it away, or leave file.path away");
    }
}

void read_arms(Plan& plan, const Value& value)
{
    plan.arms.clear(); // those of a plan that this one extends
    for (const Value& element : value.elements("an array of tables, [[arms]]")) {
        Arm arm;
        read_keys(arm, Keys<Arm>(kArmKeys), element);
        if (arm.name.empty())
            throw element.error("has no name: add name = \"...\"");
        const auto same_name = [&](const Arm& earlier) { return earlier.name == arm.name; };
        if (std::any_of(plan.arms.begin(), plan.arms.end(), same_name)) {
            throw element.error(
                fmt::format("the name {:?} is taken by an earlier arm: change it", arm.name));
        }
        plan.arms.push_back(std::move(arm));
    }
}

constexpr Key<LatencyPlan> kLatencyKeys[] = {
    {"sizes",
     [](LatencyPlan& latency, const Value& value) {
         latency.sizes.clear();
         for (const Value& element : value.elements("an array of sizes"))
             latency.sizes.push_back(element.size(kLatencySizeLimits));
     }},
    {"outstanding",
     [](LatencyPlan& latency, const Value& value) {
         latency.outstanding.clear();
         for (const Value& element : value.elements("an array of integers"))
             latency.outstanding.push_back(element.integer<std::uint32_t>(kOutstandingLimits));
     }},
    {"requests", [](LatencyPlan& latency,
                    const Value& value) { latency.requests = value.integer(kRequestsLimits); }},
};

void read_latency(Plan& plan, const Value& value)
{
    plan.latency.emplace();
    read_keys(*plan.latency, Keys<LatencyPlan>(kLatencyKeys), value);
}

constexpr Key<Plan> kTables[] = {
    {"extends", [](Plan&, const Value&) {}}, // was read before all others: plan_file.cpp
    {"file", read_file},
    {"run", [](Plan& plan, const Value& value) { read_keys(plan, Keys<Plan>(kRunKeys), value); }},
    {"link", [](Plan& plan, const Value& value) { read_keys(plan, Keys<Plan>(kLinkKeys), value); }},
    {"arms", read_arms},
    {"dataplane",
     [](Plan& plan, const Value& value) { read_keys(plan, Keys<Plan>(kDataplaneKeys), value); }},
    {"latency", read_latency},
    {"lab", [](Plan& plan, const Value& value) { read_keys(plan, Keys<Plan>(kLabKeys), value); }},
};

} // namespace

void read_plan(Plan& plan, const toml::table& root)
{
    read_keys(plan, Keys<Plan>(kTables), Value("", root));
}

} // namespace pagewire::testbed
