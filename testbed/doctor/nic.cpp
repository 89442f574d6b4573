// SPDX-License-Identifier: BSD-3-Clause
// The NICs: near which CPUs they are, which CPUs take their interrupts, what is known of their
// drivers.
#include "testbed/doctor/known_bad.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace pagewire::testbed::doctor {

namespace {

void numa(const Machine& machine, const Nic& nic, Findings& findings)
{
    if (!nic.numa_node)
        return;
    const std::vector<int> away = workers_away_from(machine, *nic.numa_node);
    findings.push_back(
        {.id = "nic.numa",
         .severity = away.empty() ? Severity::kOk : Severity::kWarning,
         .seen = fmt::format("{}: node {}{}", nic.interface, *nic.numa_node,
                             away.empty() ? ""
                                          : fmt::format(", workers on CPUs {} of another node",
                                                        cpu_list_text(away))),
         .why = away.empty() ? "" : "packets and descriptors cross from one socket to another",
         .fix = away.empty() ? ""
                             : fmt::format("taskset -c {} pagewire run",
                                           cpu_list_text(cpus_of_node(machine, *nic.numa_node)))});
}

/// Where an interrupt is delivered, as far as the machine tells.
const std::vector<int>& cpus_of(const nic::DeviceIrq& irq)
{
    static const std::vector<int> none;
    return irq.effective ? *irq.effective : irq.cpus ? *irq.cpus : none;
}

void interrupts(const Machine& machine, const Nic& nic, Findings& findings)
{
    std::set<int> shared;
    std::vector<std::string> places;
    std::vector<int> numbers;
    for (const nic::DeviceIrq& irq : nic.irqs) {
        if (cpus_of(irq).empty())
            continue;
        places.push_back(fmt::format("{} on {}", irq.number, cpu_list_text(cpus_of(irq))));
        for (const int cpu : cpus_of(irq)) {
            if (std::find(machine.worker_cpus.begin(), machine.worker_cpus.end(), cpu) ==
                machine.worker_cpus.end())
                continue;
            shared.insert(cpu);
            if (numbers.empty() || numbers.back() != irq.number)
                numbers.push_back(irq.number);
        }
    }
    if (places.empty())
        return;
    findings.push_back(
        {.id = "nic.irqs",
         .severity = shared.empty() ? Severity::kOk : Severity::kNote,
         .seen = fmt::format("{}: interrupt {}", nic.interface, fmt::join(places, ", ")),
         .why = shared.empty() ? ""
                               : fmt::format("CPUs {} are the workers' too: soft interrupts take "
                                             "the sender's time",
                                             fmt::join(shared, ",")),
         .fix = shared.empty()
                    ? ""
                    : fmt::format("another CPU for them: echo CPU > "
                                  "/proc/irq/N/smp_affinity_list, N of {}; where the machine has "
                                  "one to spare",
                                  fmt::join(numbers, ","))});
}

void combinations(const Machine& machine, const Nic& nic, Findings& findings)
{
    const auto release = core::read_text(machine.root.proc / "sys/kernel/osrelease");
    const auto kernel = release ? parse_kernel_version(*release) : std::nullopt;
    bool any = false;
    for (const KnownBad& bad : known_bad()) {
        if (!bad.matches(nic, kernel))
            continue;
        any = true;
        findings.push_back({.id = "nic.known_bad",
                            .severity = bad.severity,
                            .seen = fmt::format("{}: {}: {}", nic.interface, nic.driver, bad.what),
                            .why = fmt::format("{} ({})", bad.why, bad.source),
                            .fix = bad.fix});
    }
    if (!any)
        findings.push_back({.id = "nic.known_bad",
                            .severity = Severity::kOk,
                            .seen = fmt::format("{}: {} is not on the list", nic.interface,
                                                nic.driver.empty() ? "its driver" : nic.driver),
                            .why = {},
                            .fix = {}});
}

void examine_nic(const Machine& machine, Findings& findings)
{
    if (machine.nics.empty())
        findings.push_back({.id = "nic.none",
                            .severity = Severity::kNote,
                            .seen = "no interface with a device behind it",
                            .why = "the veth lab runs here; nothing can be said of a NIC",
                            .fix = {}});
    for (const Nic& nic : machine.nics) {
        if (!nic.unreadable.empty()) {
            findings.push_back({.id = "nic.unreadable",
                                .severity = Severity::kNote,
                                .seen = nic.unreadable,
                                .why = fmt::format("nothing can be said of {}", nic.interface),
                                .fix = {}});
            continue;
        }
        numa(machine, nic, findings);
        interrupts(machine, nic, findings);
        combinations(machine, nic, findings);
    }
}

} // namespace

extern const Family family_nic = {.name = "nic", .examine = examine_nic};

} // namespace pagewire::testbed::doctor
