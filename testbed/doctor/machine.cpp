// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/doctor/machine.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace pagewire::testbed::doctor {

std::filesystem::path cpu_folder(const Machine& machine, int cpu)
{
    return machine.root.sys / "devices/system/cpu" / fmt::format("cpu{}", cpu);
}

std::vector<int> cpus_of_node(const Machine& machine, int node)
{
    const auto text = core::read_text(machine.root.sys / "devices/system/node" /
                                      fmt::format("node{}", node) / "cpulist");
    return text ? core::parse_cpu_list(*text).value_or(std::vector<int>{}) : std::vector<int>{};
}

std::string cpu_list_text(const std::vector<int>& cpus)
{
    return fmt::format("{}", fmt::join(cpus, ","));
}

std::vector<int> workers_away_from(const Machine& machine, int node)
{
    std::vector<int> away;
    if (const std::vector<int> near = cpus_of_node(machine, node); !near.empty())
        std::copy_if(
            machine.worker_cpus.begin(), machine.worker_cpus.end(), std::back_inserter(away),
            [&](int cpu) { return std::find(near.begin(), near.end(), cpu) == near.end(); });
    return away;
}

std::optional<KernelVersion> parse_kernel_version(std::string_view release)
{
    KernelVersion version;
    const char* const end = release.data() + release.size();
    const auto major = std::from_chars(release.data(), end, version.major);
    if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.')
        return std::nullopt;
    const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
    if (minor.ec != std::errc{})
        return std::nullopt;
    return version;
}

} // namespace pagewire::testbed::doctor
