// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/cells.hpp"

#include "core/units.hpp"
#include "dataplane/frame_ledger.hpp"
#include "testbed/registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace pagewire::testbed {

namespace {

/// Why this method cannot run on this file and machine at all; empty where it can.
std::string obstacle(const core::Method& method, CacheState cache, const SettingView& setting)
{
    const Plan& plan = *setting.plan;
    if (has_software_nic(method, plan) && plan.lab == LabKind::kHost)
        return "its software NIC is a process of the sender's machine: name a port with "
               "--dpdk-port";
    if (has_pci_port(method, plan) && plan.lab == LabKind::kVm &&
        plan.interface.starts_with("virtio"))
        return fmt::format("its port is on the wire of the igb ports, {} is on another one",
                           plan.interface);
    if (const core::Support support = method.probe(); !support)
        return support.reason();
    if (setting.source == nullptr)
        return {};
    const Source& source = *setting.source;
    const std::string file_system = core::file_system_name(source.fd.get());
    if (cache == CacheState::kCold && (file_system == "tmpfs" || file_system == "ramfs"))
        return fmt::format("no cold cache: {} keeps its files in memory", file_system);
    std::string why;
    if (method.needs_direct_io && !core::direct_io_alignment(source.fd.get(), why))
        return fmt::format("needs direct I/O: {}", why);
    return {};
}

/// A feature of the other wire's packets alone, by ethtool's names.
bool is_of_other_wire(std::string_view feature, core::Wire wire)
{
    return wire == core::Wire::kUdp ? feature.starts_with("tx-tcp")
                                    : feature == "tx-udp-segmentation";
}

/// What an arm can still set: no feature of the other wire's; where a method has needs of its own,
/// not those features, and without scatter/gather no segmentation either, which the kernel turns
/// off with it (net/core/dev.c, netdev_fix_features).
nic::FeatureSettings left_to_arm(const Arm& arm, const core::Method& method)
{
    nic::FeatureSettings settings = arm.features;
    std::erase_if(settings, [&](const auto& setting) {
        return is_of_other_wire(setting.first, method.wire);
    });
    for (const core::FeatureNeed& need : method.needs) {
        settings.erase(std::string(need.feature));
        if (need.feature == "tx-scatter-gather" && !need.on)
            std::erase_if(settings, [](const auto& setting) {
                return setting.first.ends_with("-segmentation");
            });
    }
    return settings;
}

/// Is every feature of the arm's the other wire's?
bool is_about_other_wire(const Arm& arm, const core::Method& method)
{
    return !arm.features.empty() &&
           std::all_of(arm.features.begin(), arm.features.end(), [&](const auto& setting) {
               return is_of_other_wire(setting.first, method.wire);
           });
}

bool sets_anything(const Arm& arm)
{
    return !arm.features.empty() || arm.map_per_chunk;
}

/// The arms that make a difference to a method, with what each sets. Arms are about the kernel's
/// own packets: an engine makes its packets itself. Of arms that set the same the first stands for
/// all. Those about the other wire's features stand for the method as it is, without a name; others
/// that leave nothing to set count only where no other arm does, as one without a name too.
std::vector<Arm> arms_for(const core::Method& method, const Plan& plan)
{
    if (plan.arms.empty() || method.family == core::Family::kDataplane)
        return {Arm{}};
    std::vector<Arm> arms;
    for (const Arm& arm : plan.arms) {
        Arm left{.name = arm.name,
                 .features = left_to_arm(arm, method),
                 .map_per_chunk = arm.map_per_chunk && method.maps_file};
        if (!sets_anything(left) && sets_anything(arm)) {
            if (!is_about_other_wire(arm, method))
                continue;
            left.name.clear(); // the method as it is: a row, but not this arm's
        }
        const bool is_new = std::none_of(arms.begin(), arms.end(), [&](const Arm& earlier) {
            return earlier.features == left.features && earlier.map_per_chunk == left.map_per_chunk;
        });
        if (is_new)
            arms.push_back(std::move(left));
    }
    return arms.empty() ? std::vector{Arm{}} : arms;
}

Task make_row(const core::Method& method, CacheState cache, Arm arm,
              std::span<const SettingView> settings, std::size_t number)
{
    const SettingView& setting = settings[number];
    for (const core::FeatureNeed& need : method.needs)
        arm.features[std::string(need.feature)] = need.on;
    Task task;
    task.cell = {.setting = number,
                 .method = &method,
                 .cache = cache,
                 .arm = arm.name,
                 .features = arm.features,
                 .map_per_chunk = arm.map_per_chunk,
                 .source = setting.plan->dataplane.source};
    task.row = {.method = &method,
                .cache = cache,
                .arm = std::move(arm.name),
                .conditions = conditions_of(method, *setting.plan, setting.file_bytes, setting.mtu),
                .features = std::move(arm.features),
                .map_per_chunk = arm.map_per_chunk,
                .from_memory = method.needs_direct_io &&
                               setting.plan->dataplane.source == core::PayloadSource::kMemory,
                .sparse = setting.source != nullptr && setting.source->is_sparse(),
                .skipped = obstacle(method, cache, setting),
                .samples = {}};
    if (task.row.skipped.empty() && setting.lab != nullptr)
        task.row.skipped = setting.lab->feature_obstacle(task.row.features);
    return task;
}

bool is_same_row(const Row& one, const Row& other)
{
    return one.method == other.method && one.cache == other.cache && one.arm == other.arm &&
           one.conditions == other.conditions;
}

/// Settings innermost: what a figure does along one varied key stands in neighbouring rows.
void add_rows(const Plan& plan, std::span<const SettingView> settings, std::vector<Task>& tasks)
{
    const auto add = [&](Task task) {
        const bool is_there = std::any_of(tasks.begin(), tasks.end(), [&](const Task& earlier) {
            return is_same_row(earlier.row, task.row);
        });
        if (!is_there)
            tasks.push_back(std::move(task));
    };
    for (const CacheState cache : plan.cache) {
        for (const std::string& name : plan.methods) {
            const core::Method& method = *find_method(name);
            if (plan.wire && method.wire != *plan.wire)
                continue;
            for (const Arm& arm : arms_for(method, plan)) {
                for (std::size_t i = 0; i < settings.size(); ++i)
                    add(make_row(method, cache, arm, settings, i));
            }
        }
    }
}

/// Of a ceiling: from the disk the size of the file matters, from memory the link and the queues.
bool is_same_ceiling(const Task& one, const Task& other)
{
    const Conditions& a = one.row.conditions;
    const Conditions& b = other.row.conditions;
    if (!one.is_ceiling || !other.is_ceiling || one.row.method != other.row.method ||
        one.cell.source != other.cell.source)
        return false;
    return one.cell.source == core::PayloadSource::kDisk
               ? a.file_bytes == b.file_bytes
               : a.mtu == b.mtu && a.num_queues == b.num_queues;
}

/// Ceilings are transfers like the rest, in the same rounds: the null engine for the disk, each
/// engine from memory.
void add_ceilings(const Plan& plan, const SettingView& setting, std::size_t number,
                  std::vector<Task>& tasks)
{
    const auto add = [&](const core::Method& method, core::PayloadSource payload) {
        if (!method.probe() || (has_software_nic(method, plan) && plan.lab == LabKind::kHost))
            return;
        Task task;
        task.cell = {.setting = number,
                     .method = &method,
                     .cache = CacheState::kCold,
                     .arm = {},
                     .features = {},
                     .source = payload};
        task.row.method = &method;
        task.row.conditions = conditions_of(method, *setting.plan, setting.file_bytes, setting.mtu);
        task.is_ceiling = true;
        if (std::none_of(tasks.begin(), tasks.end(),
                         [&](const Task& earlier) { return is_same_ceiling(earlier, task); }))
            tasks.push_back(std::move(task));
    };
    std::string why;
    const core::Method* null = find_method("null");
    if (null != nullptr &&
        (setting.source == nullptr || core::direct_io_alignment(setting.source->fd.get(), why)))
        add(*null, core::PayloadSource::kDisk);
    const core::DataplaneJob& dataplane = setting.plan->dataplane;
    const std::uint64_t whole_file =
        setting.source != nullptr ? setting.source->identity.size : setting.file_bytes;
    for (const std::string& name : plan.methods) {
        const core::Method& method = *find_method(name);
        const bool on_wire = method.family == core::Family::kDataplane && !method.is_ceiling;
        const bool wanted = !plan.wire || method.wire == *plan.wire;
        if (on_wire && wanted && !dataplane.rate.is_limited() && dataplane.fault.empty() &&
            whole_file >= dataplane::PacketMemoryLayout::of(dataplane, setting.mtu).frames_bytes())
            add(method, core::PayloadSource::kMemory);
    }
}

} // namespace

std::vector<Task> make_tasks(const Plan& plan, std::span<const SettingView> settings)
{
    std::vector<Task> tasks;
    add_rows(plan, settings, tasks);
    for (std::size_t i = 0; plan.ceilings && i < settings.size(); ++i)
        add_ceilings(plan, settings[i], i, tasks);
    return tasks;
}

} // namespace pagewire::testbed
