// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/matrix.hpp"
#include "testbed/plan.hpp"
#include "testbed/plan_rules.hpp"

#include "core/error.hpp"
#include "core/units.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>

namespace pagewire::testbed {

namespace {

using core::UsageError;

/// Ports of the guest that a run can send from; each is joined to one whose name ends in 1.
constexpr std::array<std::string_view, 2> kVmPorts{"igb0", "virtio0"};

void check_figure(std::string_view key, std::uint64_t value, const Limits& limits)
{
    if (fits(value, limits))
        return;
    throw UsageError(fmt::format("{}: {}{} is not possible: {}", key, value,
                                 limits.is_bytes ? " B" : "", advice(limits)));
}

/// Lists are a few names long: comparing each with those before it is enough.
template<typename Range, typename NameOf>
void check_unique(std::string_view key, const Range& range, NameOf name_of)
{
    for (auto it = range.begin(); it != range.end(); ++it) {
        const auto same = [&](const auto& earlier) { return name_of(earlier) == name_of(*it); };
        if (std::any_of(range.begin(), it, same))
            throw UsageError(
                fmt::format("{}: {:?} stands there twice: leave one away", key, name_of(*it)));
    }
}

using KnownMethods = std::span<const core::Method* const>;

/// Names of the known methods, of one wire or of all.
std::string method_names(KnownMethods known, std::optional<core::Wire> wire)
{
    std::vector<std::string_view> names;
    for (const core::Method* method : known) {
        if (!wire || method->wire == *wire)
            names.push_back(method->name);
    }
    return fmt::format("{}", fmt::join(names, ", "));
}

/// Of those methods the same on this wire: "read_write_udp" of "read_write" on UDP, and the other
/// way round.
std::string twin_names(const std::vector<std::string>& methods, KnownMethods known, core::Wire wire)
{
    constexpr std::string_view suffix = "_udp";
    const auto base = [&](std::string_view name) {
        return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
    };
    std::vector<std::string_view> names;
    for (const core::Method* method : known) {
        const auto is_twin = [&](const std::string& name) {
            return base(name) == base(method->name);
        };
        if (method->wire == wire && std::any_of(methods.begin(), methods.end(), is_twin))
            names.push_back(method->name);
    }
    return fmt::format("{}", fmt::join(names, ", "));
}

void check_methods(const Plan& plan, KnownMethods known)
{
    if (plan.methods.empty()) {
        throw UsageError(fmt::format("run.methods: is empty: name at least one of {}",
                                     method_names(known, std::nullopt)));
    }
    check_unique("run.methods", plan.methods, [](const std::string& name) { return name; });
    bool any_on_wire = false;
    for (const std::string& name : plan.methods) {
        const auto found = std::find_if(known.begin(), known.end(),
                                        [&](const core::Method* m) { return m->name == name; });
        if (found == known.end()) {
            throw UsageError(fmt::format("run.methods: unknown method {:?}: known are {}", name,
                                         method_names(known, std::nullopt)));
        }
        any_on_wire = any_on_wire || !plan.wire || (*found)->wire == *plan.wire;
    }
    if (!any_on_wire) {
        std::string candidates = twin_names(plan.methods, known, *plan.wire);
        if (candidates.empty())
            candidates = method_names(known, plan.wire);
        throw UsageError(fmt::format("run.wire: none of the plan's methods uses {}: {}",
                                     core::wire_name(*plan.wire),
                                     candidates.empty() ? "no known method does: leave the key away"
                                                        : "add one of " + candidates));
    }
}

void check_file(const Plan& plan)
{
    check_figure("file.offset", plan.offset, kRangeLimits);
    check_figure("file.length", plan.length, kRangeLimits);
    if (!plan.path.empty())
        return;
    check_figure("file.size", plan.generated_bytes, kGeneratedLimits);
    // A file that exists is asked for its size when it is opened; this one's is known now. Neither
    // difference below can wrap: the offset is checked first.
    if (plan.offset >= plan.generated_bytes || plan.length > plan.generated_bytes - plan.offset) {
        throw UsageError(
            fmt::format("file.offset: {} + length {} reach beyond the generated file of {}: "
                        "ask for less, or raise file.size",
                        core::format_bytes(plan.offset), core::format_bytes(plan.length),
                        core::format_bytes(plan.generated_bytes)));
    }
}

void check_rounds(const Plan& plan)
{
    constexpr unsigned rounds_for_interval = 6; // testbed/statistics.hpp
    check_figure("run.rounds", plan.rounds, kRoundsLimits);
    check_figure("run.rounds_max", plan.rounds_max, kRoundsMaxLimits);
    check_figure("run.target_percent", plan.target_percent, kTargetLimits);
    check_figure("run.warmup", plan.warmup, kWarmupLimits);
    if (plan.rounds_max == 0)
        return;
    if (plan.rounds_max < plan.rounds) {
        throw UsageError(fmt::format("run.rounds_max: {} is less than run.rounds, {}: raise it, or "
                                     "leave it away",
                                     plan.rounds_max, plan.rounds));
    }
    if (plan.rounds_max < rounds_for_interval) {
        throw UsageError(fmt::format("run.rounds_max: {} rounds give no interval that a target "
                                     "could be for: write {} or more",
                                     plan.rounds_max, rounds_for_interval));
    }
}

void check_baseline(const Plan& plan)
{
    if (!plan.baseline.empty() &&
        std::find(plan.methods.begin(), plan.methods.end(), plan.baseline) == plan.methods.end()) {
        throw UsageError(fmt::format("run.baseline: {} is none of run.methods: add it there, or "
                                     "name another",
                                     plan.baseline));
    }
}

void check_run(const Plan& plan)
{
    if (plan.cache.empty())
        throw UsageError("run.cache: is empty: name \"cold\", \"hot\" or both");
    check_unique("run.cache", plan.cache, cache_name);
    check_rounds(plan);
    check_figure("run.seed", plan.seed, kSeedLimits);
    check_figure("run.chunk", plan.chunk_bytes, kChunkLimits);
    // A negative count becomes a huge one, and is as much out of range.
    check_figure("run.time_limit_s", static_cast<std::uint64_t>(plan.time_limit.count()),
                 kTimeLimits);
    check_figure("link.mtu", plan.mtu, kMtuLimits);
    check_figure("link.queues", plan.num_queues, kQueuesLimits);
}

/// A checksum that nobody judges would read as one that was found right.
void check_sink(const Plan& plan)
{
    if (plan.sink == SinkKind::kAfXdp && plan.dataplane.checksum != core::ChecksumMode::kNone) {
        throw UsageError("run.sink: \"af_xdp\" judges no UDP checksum: write \"kernel\", or "
                         "dataplane.checksum = \"none\"");
    }
}

void check_arms(const std::vector<Arm>& arms)
{
    for (const Arm& arm : arms) {
        if (arm.name.empty())
            throw UsageError("arms.name: is empty: give each arm a name");
    }
    check_unique("arms.name", arms, [](const Arm& arm) { return arm.name; });
}

void check_dataplane(const core::DataplaneJob& dataplane)
{
    check_figure("dataplane.queue", dataplane.queue, kQueueLimits);
    check_figure("dataplane.queues", dataplane.num_queues, kQueuesLimits);
    check_figure("dataplane.queue + queues - 1", dataplane.queue + dataplane.num_queues - 1,
                 kQueueLimits);
    check_figure("dataplane.umem", dataplane.umem_bytes, kUmemLimits);
    check_figure("dataplane.frame", dataplane.frame_bytes, kFrameLimits);
    check_figure("dataplane.disk_depth", dataplane.disk_depth, kDiskDepthLimits);
    check_figure("dataplane.ring", dataplane.ring_entries, kRingLimits);
    check_figure("dataplane.busy_poll_us", dataplane.busy_poll_us, kBusyPollLimits);
    if (dataplane.protect_payload && dataplane.layout == core::PacketLayout::kHeadroom) {
        throw UsageError("dataplane.protect_payload: in the layout \"headroom\" headers lie in the "
                         "payload's own pages: use \"segments\"");
    }
    if (dataplane.protect_payload && !dataplane.fault.empty()) {
        throw UsageError("dataplane.protect_payload: a fault spoils the payload: leave one of the "
                         "two away");
    }
    if (!dataplane.rate.is_valid()) {
        throw UsageError(fmt::format("dataplane.rate: {} Gb/s, {} pps is not possible: {}",
                                     dataplane.rate.gbps, dataplane.rate.packets_per_s,
                                     core::kRateAdvice));
    }
    // Some frames are being read while others are on the wire: fewer than four would take turns.
    if (dataplane.frame_bytes > dataplane.umem_bytes / 4) {
        throw UsageError(fmt::format("dataplane.frame: {} is more than a quarter of the UMEM ({}): "
                                     "lower dataplane.frame, or raise dataplane.umem",
                                     core::format_bytes(dataplane.frame_bytes),
                                     core::format_bytes(dataplane.umem_bytes)));
    }
}

/// What every method of the plan is blind to, or the lab cannot vary, would be the same row again
/// and again.
void check_matrix(const Plan& plan, KnownMethods known)
{
    if (const std::size_t number = num_settings(plan); number > kMaxSettings) {
        throw UsageError(fmt::format("the plan's lists make more than {} settings: leave values "
                                     "away, or make several plans",
                                     kMaxSettings));
    }
    if (plan.matrix.length.size() > 1 && plan.matrix.generated_bytes.size() > 1) {
        throw UsageError(
            "file.length: varies what file.size varies too: write one value for one of "
            "the two");
    }
    if (plan.matrix.generated_bytes.size() > 1 && plan.length != 0) {
        throw UsageError("file.size: with file.length the same number of bytes is sent of each: "
                         "leave file.length away, or write one size");
    }
    if (plan.matrix.mtu.size() > 1 && plan.lab == LabKind::kHost) {
        throw UsageError("link.mtu: a NIC of the host keeps its own: write no list, and run the "
                         "plan once for each");
    }
    if (plan.matrix.mtu.size() > 1 && plan.lab == LabKind::kVm) {
        throw UsageError("link.mtu: the vm lab has one wire: write no list, and run the plan once "
                         "for each");
    }
    for (const VariedKey& key : varied_keys(plan.matrix)) {
        const bool felt = std::any_of(known.begin(), known.end(), [&](const core::Method* method) {
            const bool runs = std::find(plan.methods.begin(), plan.methods.end(), method->name) !=
                                  plan.methods.end() &&
                              (!plan.wire || method->wire == *plan.wire);
            return runs &&
                   !condition_text(conditions_of(*method, plan, 1, 1), key.condition).empty();
        });
        if (!felt) {
            throw UsageError(fmt::format("{}: makes no difference to {}: write one value, or name "
                                         "other methods",
                                         key.plan_key, fmt::join(plan.methods, ", ")));
        }
    }
}

void check_latency(const LatencyPlan& latency)
{
    if (latency.sizes.empty())
        throw UsageError("latency.sizes: is empty: name a size, or leave the key away");
    if (latency.outstanding.empty())
        throw UsageError("latency.outstanding: is empty: name a number, or leave the key away");
    for (const std::uint64_t size : latency.sizes)
        check_figure("latency.sizes", size, kLatencySizeLimits);
    for (const std::uint32_t outstanding : latency.outstanding)
        check_figure("latency.outstanding", outstanding, kOutstandingLimits);
    check_unique("latency.sizes", latency.sizes, core::format_bytes);
    check_unique("latency.outstanding", latency.outstanding,
                 [](std::uint32_t outstanding) { return std::to_string(outstanding); });
    check_figure("latency.requests", latency.requests, kRequestsLimits);
}

void check_lab(const Plan& plan)
{
    switch (plan.lab) {
    case LabKind::kVeth:
        if (!plan.interface.empty() || !plan.peer.empty()) {
            throw UsageError(
                "lab.interface and lab.peer belong to the host lab: leave them away, or "
                "write lab.kind = \"host\"");
        }
        if (plan.allow_nic_changes) {
            throw UsageError("lab.allow_nic_changes (--allow-nic-changes) belongs to the host lab: "
                             "a veth link is the testbed's own: leave it away");
        }
        return;
    case LabKind::kVm:
        if (!plan.peer.empty() || plan.allow_nic_changes) {
            throw UsageError("lab.peer and lab.allow_nic_changes belong to the host lab: leave "
                             "them away, or write lab.kind = \"host\"");
        }
        if (!plan.interface.empty() &&
            std::find(kVmPorts.begin(), kVmPorts.end(), plan.interface) == kVmPorts.end()) {
            throw UsageError(fmt::format("lab.interface: the vm lab sends from {}, and not from "
                                         "{:?}",
                                         fmt::join(kVmPorts, " or "), plan.interface));
        }
        if (!plan.path.empty()) {
            throw UsageError("file.path: the vm lab sends a generated file of its own NVMe disk: "
                             "write file.size");
        }
        if (plan.latency) {
            throw UsageError("latency: the vm lab's timings have no meaning: leave it away, or "
                             "choose another lab");
        }
        return;
    case LabKind::kHost:
        if (plan.interface.empty())
            throw UsageError("lab.interface: the host lab needs the name of the sending NIC");
        if (plan.peer.empty()) {
            throw UsageError("lab.peer: the host lab needs the \"ADDRESS:PORT\" of a waiting "
                             "`pagewire sink`");
        }
        return;
    }
}

} // namespace

bool fits(std::uint64_t value, const Limits& limits)
{
    return value >= limits.min && value <= limits.max && value % limits.multiple == 0 &&
           (!limits.power_of_two || std::has_single_bit(value));
}

std::string advice(const Limits& limits)
{
    const auto words = [&](std::uint64_t value) {
        return limits.is_bytes ? core::format_bytes(value) : std::to_string(value);
    };
    std::string kind;
    if (limits.power_of_two)
        kind = "a power of two, ";
    else if (limits.multiple != 1)
        kind = fmt::format("a multiple of {}, ", words(limits.multiple));
    return fmt::format("write {}{} to {}", kind, words(limits.min), words(limits.max));
}

void validate_plan(const Plan& plan, std::span<const core::Method* const> known)
{
    check_methods(plan, known);
    check_matrix(plan, known);
    for (const Plan& setting : settings(plan)) {
        check_file(setting);
        check_run(setting);
        check_dataplane(setting.dataplane);
    }
    check_baseline(plan);
    check_sink(plan);
    check_arms(plan.arms);
    if (plan.latency)
        check_latency(*plan.latency);
    check_lab(plan);
}

} // namespace pagewire::testbed
