// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/plan.hpp"
#include "testbed/plan_rules.hpp"
#include "testbed/plan_value.hpp"

#include "core/error.hpp"
#include "core/unique_fd.hpp"
#include "core/units.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace pagewire::testbed {

namespace {

using core::DataplaneJob;
using core::UsageError;

/// A plan is a screenful; a file larger than this was named by mistake.
constexpr std::size_t kMaxPlanBytes = core::kMiB;

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
        table.empty()
            ? fmt::format("unknown table or key {:?}: the tables of a plan are", wanted.str())
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
    {"path", [](Plan& plan, const Value& value) { plan.path = value.name(); }},
    {"size",
     [](Plan& plan, const Value& value) { plan.generated_bytes = value.size(kGeneratedLimits); }},
    {"offset", [](Plan& plan, const Value& value) { plan.offset = value.size(kRangeLimits); }},
    {"length", [](Plan& plan, const Value& value) { plan.length = value.size(kRangeLimits); }},
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
    {"chunk", [](Plan& plan, const Value& value) { plan.chunk_bytes = value.size(kChunkLimits); }},
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
     [](Plan& plan, const Value& value) { plan.mtu = value.integer<std::uint32_t>(kMtuLimits); }},
    {"queues",
     [](Plan& plan, const Value& value) {
         plan.num_queues = value.integer<std::uint32_t>(kQueuesLimits);
     }},
};

void set_source(DataplaneJob& job, const Value& value)
{
    job.source = value.parsed(parse_payload_source);
}

constexpr Key<DataplaneJob> kDataplaneKeys[] = {
    {"queue", [](DataplaneJob& job,
                 const Value& value) { job.queue = value.integer<std::uint32_t>(kQueueLimits); }},
    {"queues",
     [](DataplaneJob& job, const Value& value) {
         job.num_queues = value.integer<std::uint32_t>(kQueuesLimits);
     }},
    {"umem",
     [](DataplaneJob& job, const Value& value) { job.umem_bytes = value.size(kUmemLimits); }},
    {"frame",
     [](DataplaneJob& job, const Value& value) {
         job.frame_bytes = value.size<std::uint32_t>(kFrameLimits);
     }},
    {"disk_depth",
     [](DataplaneJob& job, const Value& value) {
         job.disk_depth = value.integer<std::uint32_t>(kDiskDepthLimits);
     }},
    {"ring",
     [](DataplaneJob& job, const Value& value) {
         job.ring_entries = value.integer<std::uint32_t>(kRingLimits);
     }},
    {"source", set_source},
    {"layout",
     [](DataplaneJob& job, const Value& value) { job.layout = value.parsed(parse_packet_layout); }},
    {"checksum", [](DataplaneJob& job,
                    const Value& value) { job.checksum = value.parsed(parse_checksum_mode); }},
    {"bind",
     [](DataplaneJob& job, const Value& value) { job.bind = value.parsed(parse_bind_mode); }},
    {"protect_payload",
     [](DataplaneJob& job, const Value& value) { job.protect_payload = value.flag(); }},
    {"busy_poll_us",
     [](DataplaneJob& job, const Value& value) {
         job.busy_poll_us = value.integer<std::uint32_t>(kBusyPollLimits);
     }},
    {"rate", [](DataplaneJob& job, const Value& value) { job.rate = value.rate(); }},
    {"fault", [](DataplaneJob& job, const Value& value) { job.fault = value.text(); }},
    {"dpdk_port", [](DataplaneJob& job, const Value& value) { job.dpdk_port = value.text(); }},
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

constexpr Key<Plan> kTables[] = {
    {"file", read_file},
    {"run", [](Plan& plan, const Value& value) { read_keys(plan, Keys<Plan>(kRunKeys), value); }},
    {"link", [](Plan& plan, const Value& value) { read_keys(plan, Keys<Plan>(kLinkKeys), value); }},
    {"arms", read_arms},
    {"dataplane",
     [](Plan& plan, const Value& value) {
         read_keys(plan.dataplane, Keys<DataplaneJob>(kDataplaneKeys), value);
     }},
    {"lab", [](Plan& plan, const Value& value) { read_keys(plan, Keys<Plan>(kLabKeys), value); }},
};

std::string read_text(const std::string& file)
{
    const core::UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!fd)
        throw UsageError(fmt::format("{}: cannot be read: {}", file, core::errno_text(errno)));
    std::string text;
    std::array<char, 16 * core::kKiB> piece{};
    while (true) {
        const ssize_t got = ::read(fd.get(), piece.data(), piece.size());
        if (got == 0)
            return text;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EISDIR)
            throw UsageError(fmt::format("{}: is a directory: name a plan file", file));
        if (got < 0)
            throw UsageError(fmt::format("{}: cannot be read: {}", file, core::errno_text(errno)));
        text.append(piece.data(), static_cast<std::size_t>(got));
        if (text.size() > kMaxPlanBytes) {
            throw UsageError(fmt::format("{}: is longer than {}: name a plan file", file,
                                         core::format_bytes(kMaxPlanBytes)));
        }
    }
}

} // namespace

Plan load_plan(const std::string& file)
{
    return parse_plan(read_text(file), file);
}

Plan parse_plan(std::string_view text, const std::string& name)
{
    toml::table root;
    try {
        root = toml::parse(text, name);
    } catch (const toml::parse_error& e) {
        throw UsageError(fmt::format("{}:{}:{}: {}", name, e.source().begin.line,
                                     e.source().begin.column, one_line(e.description())));
    }
    Plan plan;
    read_keys(plan, Keys<Plan>(kTables), Value("", root));
    return plan;
}

} // namespace pagewire::testbed
