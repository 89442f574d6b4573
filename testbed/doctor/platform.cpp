// SPDX-License-Identifier: BSD-3-Clause
// What else runs here: a hypervisor below, other tasks beside.
#include "testbed/doctor/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <numeric>
#include <sstream>

namespace pagewire::testbed::doctor {

namespace {

void virtual_machine(const Machine& machine, Findings& findings)
{
    const auto cpuinfo = core::read_text(machine.root.proc / "cpuinfo");
    const std::string flags =
        ' ' + (cpuinfo ? core::value_of(*cpuinfo, "flags").value_or("") : "") + ' ';
    const auto type = core::read_text(machine.root.sys / "hypervisor/type");
    const auto product = core::read_text(machine.root.sys / "class/dmi/id/product_name");
    const bool is_virtual = flags.find(" hypervisor ") != std::string::npos || type.has_value();
    if (!cpuinfo && !type)
        return;
    findings.push_back(
        {.id = "platform.virtual",
         .severity = is_virtual ? Severity::kWarning : Severity::kOk,
         .seen = is_virtual ? fmt::format("a virtual machine ({})",
                                          type ? *type : product.value_or("kind not told"))
                            : "no hypervisor seen",
         .why = is_virtual ? "its CPUs, disk and NIC are shared with machines that are not seen "
                             "here: times scatter; what the ledger counts does not"
                           : "",
         .fix = is_virtual ? "measure times on a machine of its own; here, many rounds "
                             "(--rounds 9) and their ranges"
                           : ""});
}

/// proc(5), /proc/stat: user nice system idle iowait irq softirq steal, in ticks since the start.
void steal(const Machine& machine, Findings& findings)
{
    std::istringstream stat(core::read_text(machine.root.proc / "stat").value_or(""));
    std::string word;
    std::array<std::uint64_t, 8> ticks{};
    stat >> word;
    for (std::uint64_t& field : ticks)
        stat >> field;
    const auto total = std::accumulate(ticks.begin(), ticks.end(), std::uint64_t{0});
    if (!stat || word != "cpu" || total == 0)
        return;
    const double percent = 100.0 * static_cast<double>(ticks[7]) / static_cast<double>(total);
    const bool some = percent >= 0.1;
    findings.push_back({.id = "platform.steal",
                        .severity = some ? Severity::kWarning : Severity::kOk,
                        .seen = fmt::format("{:.2f} % of CPU time since the start", percent),
                        .why = some ? "the hypervisor gave these CPUs to others: no process here "
                                      "sees when"
                                    : "",
                        .fix = some ? "CPUs of its own for this machine, pinned by its host" : ""});
}

/// The doctor's own process is one of those that run.
void load(const Machine& machine, Findings& findings)
{
    const auto text = core::read_text(machine.root.proc / "loadavg");
    if (!text)
        return;
    const double minute = std::strtod(text->c_str(), nullptr);
    const bool busy = minute >= 0.5;
    findings.push_back(
        {.id = "platform.load",
         .severity = busy ? Severity::kWarning : Severity::kOk,
         .seen = fmt::format("{:.2f} tasks in the last minute's mean", minute),
         .why = busy ? "other work takes CPU, caches and the disk from the transfers" : "",
         .fix = busy ? "stop it, or wait until it is done (top; uptime)" : ""});
}

bool is_process_number(const std::string& name)
{
    return !name.empty() &&
           std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void irqbalance(const Machine& machine, Findings& findings)
{
    const std::vector<std::string> names = core::names_in(machine.root.proc);
    const bool runs = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        return is_process_number(name) &&
               core::read_text(machine.root.proc / name / "comm") == "irqbalance";
    });
    findings.push_back(
        {.id = "platform.irqbalance",
         .severity = runs ? Severity::kWarning : Severity::kOk,
         .seen = runs ? "irqbalance runs" : "no irqbalance",
         .why = runs ? "it moves interrupts from CPU to CPU while transfers run" : "",
         .fix = runs ? "systemctl stop irqbalance, then place them: nic.irqs" : ""});
}

void examine_platform(const Machine& machine, Findings& findings)
{
    virtual_machine(machine, findings);
    steal(machine, findings);
    load(machine, findings);
    irqbalance(machine, findings);
}

} // namespace

extern const Family family_platform = {.name = "platform", .examine = examine_platform};

} // namespace pagewire::testbed::doctor
