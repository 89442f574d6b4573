// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/bottleneck.hpp"

#include "testbed/statistics.hpp"
#include "testbed/usage_meter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace pagewire::testbed {

namespace {

/// How near to a limit the row stood: 1 is at it.
struct Load {
    Limit limit = Limit::kNone;
    double share = 0;
};

double elapsed_s(const Sample& sample)
{
    return static_cast<double>(sample.worker.figures.elapsed_ns) / 1e9;
}

/// Of a CPU, or of as many as the worker has threads.
double worker_load(const Sample& sample)
{
    const auto num_threads =
        static_cast<double>(std::max<std::size_t>(sample.worker.report.queues.size(), 1));
    const auto& figures = sample.worker.figures;
    return (figures.cpu_user_s + figures.cpu_system_s) / elapsed_s(sample) / num_threads;
}

/// CPU time of the whole reception, which begins a little before the transfer.
double receiver_load(const Sample& sample)
{
    return (sample.sink.cpu_user_s + sample.sink.cpu_system_s) / elapsed_s(sample);
}

double softirq_load(const Sample& sample)
{
    return sample.worker.figures.system.softirq_s / elapsed_s(sample);
}

std::optional<double> median_load(const Row& row, double (*load)(const Sample&))
{
    std::vector<double> loads;
    for (const Sample* sample : row.timed()) {
        if (sample->worker.figures.elapsed_ns >= kCpuWindow.count())
            loads.push_back(load(*sample));
    }
    return loads.empty() ? std::nullopt : std::optional(median(loads));
}

std::vector<Load> rate_loads(const Row& row, const Ceilings& ceilings)
{
    std::vector<Load> loads;
    const double goodput = median(row.goodputs());
    const auto add = [&](Limit limit, const std::optional<double>& ceiling_gbps) {
        if (ceiling_gbps && *ceiling_gbps > 0)
            loads.push_back({.limit = limit, .share = goodput / *ceiling_gbps});
    };
    if ((row.cache == CacheState::kCold || row.method->needs_direct_io) && !row.from_memory)
        add(Limit::kDisk, ceilings.disk_gbps(row.conditions));
    add(Limit::kWire, ceilings.wire_gbps(row.method->name, row.conditions));
    add(Limit::kMemory, ceilings.memcpy_gbps);
    return loads;
}

std::vector<Load> cpu_loads(const Row& row)
{
    std::vector<Load> loads;
    const auto add = [&](Limit limit, const std::optional<double>& share) {
        if (share)
            loads.push_back({.limit = limit, .share = *share});
    };
    add(Limit::kWorkerCpu, median_load(row, worker_load));
    if (row.method->wire != core::Wire::kNone)
        add(Limit::kReceiverCpu, median_load(row, receiver_load));
    add(Limit::kSoftirqCpu, median_load(row, softirq_load));
    return loads;
}

const Load* heaviest(std::span<const Load> loads)
{
    const auto it = std::max_element(
        loads.begin(), loads.end(), [](const Load& a, const Load& b) { return a.share < b.share; });
    return it == loads.end() ? nullptr : &*it;
}

std::string words(const Load& load)
{
    const double percent = load.share * 100;
    switch (load.limit) {
    case Limit::kDisk:
        return fmt::format("the disk: {:.0f} % of what direct reads of the file reached", percent);
    case Limit::kWire:
        return fmt::format("the wire: {:.0f} % of what the engine reached from memory", percent);
    case Limit::kMemory:
        return fmt::format("memory: {:.0f} % of the rate of memcpy", percent);
    case Limit::kWorkerCpu:
        return fmt::format("the worker's CPU: busy {:.0f} % of the time", percent);
    case Limit::kReceiverCpu:
        return fmt::format("the receiver: its CPU time is {:.0f} % of the transfer's", percent);
    case Limit::kSoftirqCpu:
        return fmt::format("softirq work: {:.0f} % of a CPU", percent);
    case Limit::kNone:
        break;
    }
    return {};
}

} // namespace

std::optional<Bottleneck> bottleneck(const Row& row, const Ceilings& ceilings)
{
    if (row.goodputs().empty() || row.method->is_ceiling)
        return std::nullopt;
    std::vector<Load> loads = rate_loads(row, ceilings);
    if (const Load* load = heaviest(loads); load != nullptr && load->share >= kAtLimit)
        return Bottleneck{.limit = load->limit, .sentence = words(*load)};
    const std::vector<Load> cpus = cpu_loads(row);
    if (const Load* load = heaviest(cpus); load != nullptr && load->share >= kAtLimit)
        return Bottleneck{.limit = load->limit, .sentence = words(*load)};
    if (cpus.empty())
        return std::nullopt; // too short to say that none was busy
    loads.insert(loads.end(), cpus.begin(), cpus.end());
    const Load* nearest = heaviest(loads);
    return Bottleneck{.limit = Limit::kNone,
                      .sentence = "nothing stood at its limit; nearest was " + words(*nearest)};
}

} // namespace pagewire::testbed
