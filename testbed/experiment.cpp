// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/experiment.hpp"

#include "core/error.hpp"
#include "core/units.hpp"
#include "dataplane/frame_ledger.hpp"
#include "testbed/lab.hpp"
#include "testbed/registry.hpp"
#include "testbed/rounds.hpp"
#include "testbed/source.hpp"
#include "testbed/statistics.hpp"
#include "testbed/transfer.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace pagewire::testbed {

namespace {

using Clock = std::chrono::steady_clock;

/// Why this method cannot run on this file and machine at all; empty where it can.
std::string obstacle(const core::Method& method, CacheState cache, const Source& source,
                     const Plan& plan)
{
    if (has_software_nic(method, plan) && plan.lab == LabKind::kHost)
        return "its software NIC is a process of the sender's machine: name a port with "
               "--dpdk-port";
    const std::string file_system = core::file_system_name(source.fd.get());
    if (cache == CacheState::kCold && (file_system == "tmpfs" || file_system == "ramfs"))
        return fmt::format("no cold cache: {} keeps its files in memory", file_system);
    if (const core::Support support = method.probe(); !support)
        return support.reason();
    std::string why;
    if (method.needs_direct_io && !core::direct_io_alignment(source.fd.get(), why))
        return fmt::format("needs direct I/O: {}", why);
    return {};
}

/// What an arm can still set where a method has needs of its own: not those features, and without
/// scatter/gather no segmentation either, which the kernel turns off with it (net/core/dev.c,
/// netdev_fix_features).
nic::FeatureSettings left_to_arm(const Arm& arm, const core::Method& method)
{
    nic::FeatureSettings settings = arm.features;
    for (const core::FeatureNeed& need : method.needs) {
        settings.erase(std::string(need.feature));
        if (need.feature == "tx-scatter-gather" && !need.on)
            std::erase_if(settings, [](const auto& setting) {
                return setting.first.ends_with("-segmentation");
            });
    }
    return settings;
}

bool sets_anything(const Arm& arm)
{
    return !arm.features.empty() || arm.map_per_chunk;
}

/// The arms that make a difference to a method, with what each sets. Arms are about the kernel's
/// own packets: an engine makes its packets itself. Of arms that set the same the first stands for
/// all. Those that leave nothing to set count only where no other does, as one without a name.
std::vector<Arm> arms_for(const core::Method& method, const Plan& plan)
{
    if (plan.arms.empty() || method.family == core::Family::kDataplane)
        return {Arm{}};
    std::vector<Arm> arms;
    for (const Arm& arm : plan.arms) {
        Arm left{.name = arm.name,
                 .features = left_to_arm(arm, method),
                 .map_per_chunk = arm.map_per_chunk && method.maps_file};
        if (!sets_anything(left) && sets_anything(arm))
            continue;
        const bool is_new = std::none_of(arms.begin(), arms.end(), [&](const Arm& earlier) {
            return earlier.features == left.features && earlier.map_per_chunk == left.map_per_chunk;
        });
        if (is_new)
            arms.push_back(std::move(left));
    }
    return arms.empty() ? std::vector{Arm{}} : arms;
}

std::vector<Task> make_rows(const Plan& plan, const Source& source, const Lab& lab)
{
    std::vector<Task> tasks;
    const auto add = [&](const core::Method& method, CacheState cache, Arm arm) {
        for (const core::FeatureNeed& need : method.needs)
            arm.features[std::string(need.feature)] = need.on;
        Task task;
        task.cell = {.method = &method,
                     .cache = cache,
                     .arm = arm.name,
                     .features = arm.features,
                     .map_per_chunk = arm.map_per_chunk,
                     .source = plan.dataplane.source};
        task.row = {.method = &method,
                    .cache = cache,
                    .arm = std::move(arm.name),
                    .features = std::move(arm.features),
                    .map_per_chunk = arm.map_per_chunk,
                    .from_memory = method.needs_direct_io &&
                                   plan.dataplane.source == core::PayloadSource::kMemory,
                    .sparse = source.is_sparse(),
                    .skipped = obstacle(method, cache, source, plan),
                    .samples = {}};
        if (task.row.skipped.empty())
            task.row.skipped = lab.feature_obstacle(task.row.features);
        tasks.push_back(std::move(task));
    };
    for (const CacheState cache : plan.cache) {
        for (const std::string& name : plan.methods) {
            const core::Method& method = *find_method(name);
            if (plan.wire && method.wire != *plan.wire)
                continue;
            for (Arm& arm : arms_for(method, plan))
                add(method, cache, std::move(arm));
        }
    }
    return tasks;
}

/// Ceilings are transfers like the rest, in the same rounds: the null engine for the disk, each
/// engine from memory.
void add_ceilings(const Plan& plan, const Source& source, std::vector<Task>& tasks)
{
    const auto add = [&](const core::Method& method, core::PayloadSource payload) {
        if (!method.probe() || (has_software_nic(method, plan) && plan.lab == LabKind::kHost))
            return;
        Task task;
        task.cell = {.method = &method,
                     .cache = CacheState::kCold,
                     .arm = {},
                     .features = {},
                     .source = payload};
        task.row.method = &method;
        task.is_ceiling = true;
        tasks.push_back(std::move(task));
    };
    std::string why;
    const core::Method* null = find_method("null");
    if (null != nullptr && core::direct_io_alignment(source.fd.get(), why))
        add(*null, core::PayloadSource::kDisk);
    for (const std::string& name : plan.methods) {
        const core::Method& method = *find_method(name);
        const bool on_wire = method.family == core::Family::kDataplane && !method.is_ceiling;
        const bool wanted = !plan.wire || method.wire == *plan.wire;
        if (on_wire && wanted && !plan.dataplane.rate.is_limited() &&
            plan.dataplane.fault.empty() &&
            source.identity.size >=
                dataplane::PacketMemoryLayout::of(plan.dataplane, plan.mtu).frames_bytes())
            add(method, core::PayloadSource::kMemory);
    }
}

/// Before anything is measured: in the middle of a run it would cost what was.
void require_known_features(const Plan& plan, const nic::FeatureTable& known)
{
    for (const Arm& arm : plan.arms) {
        for (const auto& [feature, on] : arm.features) {
            if (!known.contains(feature))
                throw core::UsageError(fmt::format(
                    "arms.{}: the kernel knows no feature \"{}\": ethtool -k lists them", arm.name,
                    feature));
        }
    }
}

std::optional<double> measure_memcpy()
{
    constexpr std::size_t bytes = 64 * core::kMiB;
    constexpr int rounds = 5;
    std::vector<std::byte> from(bytes, std::byte{1});
    std::vector<std::byte> to(bytes);
    std::vector<double> gbps;
    for (int i = 0; i < rounds; ++i) {
        const auto start = Clock::now();
        std::memcpy(to.data(), from.data(), bytes);
        const auto elapsed =
            std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start);
        from[static_cast<std::size_t>(i)] =
            to[bytes - 1]; // the copies are used: none may be left out
        gbps.push_back(
            core::gigabits_per_second(bytes, static_cast<std::uint64_t>(elapsed.count())));
    }
    return median(gbps);
}

std::string describe(const Cell& cell)
{
    return fmt::format("{} {}{}{}", cell.method->name, cache_name(cell.cache),
                       cell.arm.empty() ? "" : " ", cell.arm);
}

} // namespace

RunResult run_experiment(const Plan& plan, const std::atomic<bool>& interrupted,
                         const Progress& progress, const Pause& pause)
{
    const auto begun = Clock::now();
    RunResult result;
    result.plan = plan;
    result.started_at = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
    const std::unique_ptr<Lab> lab = open_lab(plan); // first: its errors need no file read
    const Source source = Source::open(plan);
    result.path = source.path;
    result.range = source.range;
    result.file_system = core::file_system_name(source.fd.get());
    result.digest_summary = source.digests.summary();
    result.lab = lab->describe();
    result.findings = doctor::examine(doctor::this_machine(source.path, plan.dataplane.num_queues));

    std::vector<Task> tasks = make_rows(plan, source, *lab);
    if (plan.ceilings)
        add_ceilings(plan, source, tasks);

    require_known_features(plan, lab->features());
    Ledger ledger(plan.ledger != LedgerMode::kOff);
    result.no_ledger = ledger.support().reason();
    const bool apart = plan.ledger == LedgerMode::kApart && result.no_ledger.empty();
    for (Task& task : tasks)
        task.row.timed_apart = apart && !task.is_ceiling;
    TransferRunner runner(plan, *lab, source, ledger, interrupted, pause);
    Rounds rounds(plan, tasks, result.no_ledger.empty());
    while (!interrupted.load() && rounds.next()) {
        for (const Turn& turn : rounds.turns()) {
            if (interrupted.load())
                break;
            progress(rounds.num_done(), rounds.num_total(), describe(turn.task->cell));
            auto sample = runner.run(turn.task->cell, rounds.number(), turn.watched);
            if (sample && !rounds.is_warmup())
                turn.task->row.samples.push_back(std::move(*sample));
            rounds.count_done();
        }
        if (!interrupted.load())
            rounds.end(result);
    }
    result.interrupted = interrupted.load();

    for (Task& task : tasks) {
        if (!task.is_ceiling) {
            if (task.row.samples.empty() && task.row.skipped.empty())
                task.row.skipped = "interrupted before its first transfer";
            result.rows.push_back(std::move(task.row));
            continue;
        }
        const std::vector<double> goodputs = task.row.goodputs();
        if (goodputs.empty())
            continue;
        if (task.cell.source == core::PayloadSource::kDisk)
            result.ceilings.disk_gbps = median(goodputs);
        else
            result.ceilings.wire_gbps[std::string(task.cell.method->name)] = median(goodputs);
    }
    if (plan.ceilings && !result.interrupted)
        result.ceilings.memcpy_gbps = measure_memcpy();
    result.elapsed_s = std::chrono::duration<double>(Clock::now() - begun).count();
    return result;
}

} // namespace pagewire::testbed
