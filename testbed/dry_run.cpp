// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/dry_run.hpp"

#include "core/error.hpp"
#include "core/flow_header.hpp"
#include "core/units.hpp"
#include "testbed/cells.hpp"
#include "testbed/matrix.hpp"
#include "testbed/report/words.hpp"
#include "testbed/rounds.hpp"
#include "testbed/transfer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <vector>

namespace pagewire::testbed {

namespace {

/// Of the range that a setting sends.
std::uint64_t range_bytes(const Plan& setting)
{
    std::uint64_t size = setting.generated_bytes;
    if (!setting.path.empty()) {
        std::error_code error;
        size = std::filesystem::file_size(setting.path, error);
        if (error)
            throw core::UsageError(
                fmt::format("{}: cannot be read: {}", setting.path, error.message()));
        if (setting.offset >= size || setting.length > size - setting.offset)
            throw core::UsageError(fmt::format("{}: offset and length reach beyond its end ({})",
                                               setting.path, core::format_bytes(size)));
    }
    return setting.length == 0 ? size - setting.offset : setting.length;
}

/// Of a packet that fills the MTU.
double payload_bytes(const Plan& setting)
{
    constexpr std::size_t headers = 20 + 8 + core::kFlowHeaderBytes; // IPv4, UDP, the flow's
    return static_cast<double>(setting.mtu) - headers;
}

double transfer_s(const Task& task, const Plan& setting)
{
    const bool from_memory = task.cell.source == core::PayloadSource::kMemory;
    const std::uint64_t bytes = from_memory ? kMemoryStreamBytes : task.row.conditions.file_bytes;
    double s = static_cast<double>(bytes) * 8 / (kEstimatedGbps * 1e9);
    const core::Rate& rate = setting.dataplane.rate;
    if (task.row.conditions.rate && rate.gbps > 0)
        s = static_cast<double>(bytes) * 8 / (rate.gbps * 1e9);
    else if (task.row.conditions.rate && rate.packets_per_s > 0)
        s = std::ceil(static_cast<double>(bytes) / payload_bytes(setting)) / rate.packets_per_s;
    return kEstimatedSetUpS + std::min(s, static_cast<double>(setting.time_limit.count()));
}

std::string duration_text(double s)
{
    const auto whole = static_cast<std::uint64_t>(std::ceil(s));
    if (whole < 60)
        return fmt::format("{} s", whole);
    if (whole < 3600)
        return fmt::format("{} min {} s", whole / 60, whole % 60);
    return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string row_text(const Row& row, std::size_t width, const std::vector<VariedKey>& varied)
{
    std::string text = fmt::format("#   {:<{}} {:<4} {:<5} {:<9}", row.method->name, width,
                                   core::wire_name(row.method->wire), cache_name(row.cache),
                                   row.arm.empty() ? "-" : row.arm);
    for (const VariedKey& key : varied)
        fmt::format_to(std::back_inserter(text), " {:<12}",
                       condition_text(row.conditions, key.condition));
    if (!row.skipped.empty())
        text += " skipped: " + row.skipped;
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
}

} // namespace

std::string dry_run(const Plan& plan)
{
    const std::vector<Plan> all = settings(plan);
    std::vector<SettingView> views;
    views.reserve(all.size());
    for (const Plan& setting : all)
        views.push_back({.plan = &setting,
                         .file_bytes = range_bytes(setting),
                         .mtu = setting.mtu,
                         .source = nullptr,
                         .lab = nullptr});
    std::vector<Task> tasks = make_tasks(plan, views);
    const Rounds rounds(plan, tasks, plan.ledger != LedgerMode::kOff);
    const auto num_rows = std::count_if(tasks.begin(), tasks.end(),
                                        [](const Task& task) { return !task.is_ceiling; });
    const auto cost = [&](const Task& task) { return transfer_s(task, all[task.cell.setting]); };

    std::string text = plan_toml(plan);
    auto out = std::back_inserter(text);
    fmt::format_to(out, "\n# {} row{}:\n", num_rows, num_rows == 1 ? "" : "s");
    const std::vector<VariedKey> varied = varied_keys(plan.matrix);
    std::size_t width = 12;
    for (const Task& task : tasks)
        width = report::widened(width, task.row.method->name);
    for (const Task& task : tasks) {
        if (!task.is_ceiling)
            text += row_text(task.row, width, varied);
    }
    const auto one = [](const Task&) { return 1.0; };
    fmt::format_to(out, "# {:.0f} transfers in {} rounds", rounds.total(one, plan.rounds),
                   plan.rounds + plan.warmup);
    if (plan.last_round() > plan.rounds)
        fmt::format_to(out, ", at most {:.0f} in {}", rounds.total(one, plan.last_round()),
                       plan.last_round() + plan.warmup);
    fmt::format_to(out, "\n# about {}", duration_text(rounds.total(cost, plan.rounds)));
    if (plan.last_round() > plan.rounds)
        fmt::format_to(out, ", at most {}", duration_text(rounds.total(cost, plan.last_round())));
    fmt::format_to(out,
                   ", if the payload moves at {} Gb/s and each transfer takes {} s to set up\n",
                   kEstimatedGbps, kEstimatedSetUpS);
    if (plan.latency)
        fmt::format_to(out,
                       "# then the latency arm, not in that time: {} sizes x {} numbers in flight, "
                       "{} requests of each\n",
                       plan.latency->sizes.size(), plan.latency->outstanding.size(),
                       plan.latency->requests);
    return text;
}

} // namespace pagewire::testbed
