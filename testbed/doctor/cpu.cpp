// SPDX-License-Identifier: BSD-3-Clause
// The CPUs: how many, how fast they may run, how deep they sleep, who else may use them.
#include "testbed/doctor/doctor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

namespace pagewire::testbed::doctor {

namespace {

/// Worker, sink, and soft interrupts of either end beside them.
constexpr std::size_t kFewCpus = 4;

/// A deeper state than the shallow ones: waking up takes longer than a packet at 10 Gb/s lasts.
constexpr std::int64_t kDeepExitLatencyUs = 10;

std::filesystem::path cpus_folder(const Machine& machine)
{
    return machine.root.sys / "devices/system/cpu";
}

std::vector<int> cpus_in(const Machine& machine, const char* file)
{
    const auto text = core::read_text(cpus_folder(machine) / file);
    return text ? core::parse_cpu_list(*text).value_or(std::vector<int>{}) : std::vector<int>{};
}

/// The CPUs that a transfer runs on.
std::set<int> used_cpus(const Machine& machine)
{
    std::set<int> used(machine.worker_cpus.begin(), machine.worker_cpus.end());
    used.insert(machine.sink_cpu);
    return used;
}

void count(const Machine& machine, const std::vector<int>& online, Findings& findings)
{
    const bool few = online.size() < kFewCpus;
    findings.push_back(
        {.id = "cpu.count",
         .severity = few ? Severity::kWarning : Severity::kOk,
         .seen = fmt::format("{} online; workers on {}, the sink on {}", online.size(),
                             cpu_list_text(machine.worker_cpus), machine.sink_cpu),
         .why = few ? "worker, sink, soft interrupts and everything else share them: the receiver "
                      "takes time from the sender, and goodput is theirs together"
                    : "",
         .fix = few ? "4 CPUs or more, or the sink on another machine (--lab host)" : ""});
}

void governor(const Machine& machine, Findings& findings)
{
    std::map<std::string, std::vector<int>> cpus_by_governor;
    for (const int cpu : used_cpus(machine)) {
        if (const auto name =
                core::read_text(cpu_folder(machine, cpu) / "cpufreq/scaling_governor"))
            cpus_by_governor[*name].push_back(cpu);
    }
    if (cpus_by_governor.empty()) {
        findings.push_back({.id = "cpu.governor",
                            .severity = Severity::kNote,
                            .seen = "no cpufreq",
                            .why = "the frequency is the firmware's or the hypervisor's to change, "
                                   "and not to be seen here",
                            .fix = {}});
        return;
    }
    std::vector<std::string> words;
    words.reserve(cpus_by_governor.size());
    for (const auto& [name, cpus] : cpus_by_governor)
        words.push_back(fmt::format("{} on CPUs {}", name, cpu_list_text(cpus)));
    const bool steady = cpus_by_governor.size() == 1 && cpus_by_governor.contains("performance");
    findings.push_back({.id = "cpu.governor",
                        .severity = steady ? Severity::kOk : Severity::kWarning,
                        .seen = fmt::format("{}", fmt::join(words, "; ")),
                        .why = steady ? ""
                                      : "the frequency follows the load: short transfers are "
                                        "measured while it rises",
                        .fix = steady ? "" : "cpupower frequency-set -g performance"});
}

void turbo(const Machine& machine, Findings& findings)
{
    const auto no_turbo = core::read_number(cpus_folder(machine) / "intel_pstate/no_turbo");
    const auto boost = core::read_number(cpus_folder(machine) / "cpufreq/boost");
    if (!no_turbo && !boost)
        return;
    const bool on = no_turbo ? *no_turbo == 0 : *boost != 0;
    findings.push_back(
        {.id = "cpu.turbo",
         .severity = on ? Severity::kNote : Severity::kOk,
         .seen = on ? "on" : "off",
         .why = on ? "the frequency depends on temperature and on how many CPUs are busy: rounds "
                     "scatter and drift"
                   : "",
         .fix = !on        ? ""
                : no_turbo ? "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo"
                           : "echo 0 > /sys/devices/system/cpu/cpufreq/boost"});
}

void idle(const Machine& machine, Findings& findings)
{
    const auto driver = core::read_text(cpus_folder(machine) / "cpuidle/current_driver");
    if (!driver)
        return;
    std::set<std::string> deep;
    for (const int cpu : used_cpus(machine)) {
        const auto folder = cpu_folder(machine, cpu) / "cpuidle";
        for (const std::string& state : core::names_in(folder)) {
            const auto latency_us = core::read_number(folder / state / "latency");
            if (latency_us && *latency_us > kDeepExitLatencyUs &&
                core::read_number(folder / state / "disable").value_or(0) == 0)
                deep.insert(fmt::format("{} ({} us)",
                                        core::read_text(folder / state / "name").value_or(state),
                                        *latency_us));
        }
    }
    findings.push_back(
        {.id = "cpu.idle",
         .severity = deep.empty() ? Severity::kOk : Severity::kNote,
         .seen = deep.empty() ? fmt::format("driver {}, no deep states", *driver)
                              : fmt::format("driver {}: {}", *driver, fmt::join(deep, ", ")),
         .why = deep.empty() ? ""
                             : "a CPU that waits for the disk or for a packet goes to sleep, "
                               "and wakes up late",
         .fix = deep.empty() ? "" : fmt::format("cpupower idle-set -D {}", kDeepExitLatencyUs)});
}

void smt(const Machine& machine, Findings& findings)
{
    const auto active = core::read_number(cpus_folder(machine) / "smt/active");
    if (!active)
        return;
    Finding finding{.id = "cpu.smt",
                    .severity = Severity::kOk,
                    .seen = *active == 0 ? "off" : "on",
                    .why = {},
                    .fix = {}};
    if (*active != 0) {
        const auto text = core::read_text(cpu_folder(machine, machine.worker_cpus.front()) /
                                          "topology/thread_siblings_list");
        const auto siblings =
            text ? core::parse_cpu_list(*text).value_or(std::vector<int>{}) : std::vector<int>{};
        const bool shared =
            std::find(siblings.begin(), siblings.end(), machine.sink_cpu) != siblings.end() &&
            machine.worker_cpus.front() != machine.sink_cpu;
        finding.severity = shared ? Severity::kWarning : Severity::kNote;
        finding.seen += shared ? fmt::format("; worker and sink share the core of CPUs {}",
                                             cpu_list_text(siblings))
                               : "";
        finding.why = shared ? "the receiver slows the sender down inside the core"
                             : "what runs on a sibling takes half of the core away";
        finding.fix = "echo off > /sys/devices/system/cpu/smt/control";
    }
    findings.push_back(std::move(finding));
}

void isolation(const Machine& machine, std::size_t num_online, Findings& findings)
{
    const std::vector<int> isolated = cpus_in(machine, "isolated");
    std::vector<int> open;
    for (const int cpu : used_cpus(machine)) {
        if (std::find(isolated.begin(), isolated.end(), cpu) == isolated.end())
            open.push_back(cpu);
    }
    Finding finding{.id = "cpu.isolation",
                    .severity = Severity::kOk,
                    .seen = isolated.empty() ? "no isolated CPUs"
                                             : fmt::format("isolated: {}", cpu_list_text(isolated)),
                    .why = {},
                    .fix = {}};
    if (!open.empty()) {
        finding.severity = Severity::kNote;
        finding.why = "other tasks and timers run on the CPUs of the transfers: rare long waits, "
                      "in the tail of latencies first";
        // The kernel needs CPUs of its own: with few, there is none to isolate.
        finding.fix = num_online < kFewCpus
                          ? "more CPUs first (cpu.count): these are needed by everything else"
                          : "kernel command line: isolcpus=A,B nohz_full=A,B rcu_nocbs=A,B, and "
                            "taskset -c A,B pagewire run, of two CPUs that share no core";
    }
    findings.push_back(std::move(finding));
}

void pmu(const Machine& machine, Findings& findings)
{
    findings.push_back({.id = "cpu.pmu",
                        .severity = machine.pmu ? Severity::kOk : Severity::kNote,
                        .seen = machine.pmu ? "available" : machine.pmu.reason(),
                        .why = machine.pmu ? ""
                                           : "no cycles, instructions or cache misses beside "
                                             "the ledger's figures",
                        .fix = machine.pmu ? ""
                                           : "on a virtual machine the hypervisor must show "
                                             "its PMU (QEMU: -cpu host,pmu=on); else sysctl "
                                             "kernel.perf_event_paranoid=1"});
}

void examine_cpu(const Machine& machine, Findings& findings)
{
    const std::vector<int> online = cpus_in(machine, "online");
    if (!online.empty())
        count(machine, online, findings);
    governor(machine, findings);
    turbo(machine, findings);
    idle(machine, findings);
    smt(machine, findings);
    isolation(machine, online.size(), findings);
    pmu(machine, findings);
}

} // namespace

extern const Family family_cpu = {.name = "cpu", .examine = examine_cpu};

} // namespace pagewire::testbed::doctor
