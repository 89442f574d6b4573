// SPDX-License-Identifier: BSD-3-Clause
// The kernel: its version, and what it offers to the engines and to the ledger.
#include "testbed/doctor/doctor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pagewire::testbed::doctor {

namespace {

/// Several descriptors to a packet (XDP_USE_SG) and xdp-zc-max-segs: Linux 6.6.
constexpr KernelVersion kMultiBuffer{.major = 6, .minor = 6};

void version(const Machine& machine, Findings& findings)
{
    const auto release = core::read_text(machine.root.proc / "sys/kernel/osrelease");
    const auto number = release ? parse_kernel_version(*release) : std::nullopt;
    Finding finding{.id = "kernel.version",
                    .severity = Severity::kOk,
                    .seen = fmt::format("Linux {}", release.value_or("of an unknown release")),
                    .why = {},
                    .fix = {}};
    if (!number) {
        finding.severity = Severity::kNote;
        finding.why = "what the kernel can do cannot be told from its release";
    } else if (*number < kMultiBuffer) {
        finding.severity = Severity::kWarning;
        finding.why = "AF_XDP takes several descriptors to a packet from Linux 6.6 on; before it, "
                      "packets go by --layout headroom";
        finding.fix = "boot Linux 6.6 or later";
    }
    findings.push_back(std::move(finding));
}

void offered(Findings& findings, const char* id, const core::Support& support, Finding absent)
{
    if (support) {
        findings.push_back(
            {.id = id, .severity = Severity::kOk, .seen = "available", .why = {}, .fix = {}});
        return;
    }
    absent.id = id;
    absent.seen = support.reason();
    findings.push_back(std::move(absent));
}

void btf(const Machine& machine, Findings& findings)
{
    std::error_code error;
    const auto file = machine.root.sys / "kernel/btf/vmlinux";
    if (std::filesystem::exists(file, error))
        findings.push_back({.id = "kernel.btf",
                            .severity = Severity::kOk,
                            .seen = "/sys/kernel/btf/vmlinux is there",
                            .why = {},
                            .fix = {}});
    else
        findings.push_back({.id = "kernel.btf",
                            .severity = Severity::kWarning,
                            .seen = "no /sys/kernel/btf/vmlinux",
                            .why = "the ledger reads the kernel's structures by their BTF: without "
                                   "it no crossings, copies or DMA are counted",
                            .fix = "a kernel built with CONFIG_DEBUG_INFO_BTF=y"});
}

void clock_source(const Machine& machine, Findings& findings)
{
    const auto name = core::read_text(machine.root.sys / "devices/system/clocksource/clocksource0" /
                                      "current_clocksource");
    if (!name)
        return;
    Finding finding{
        .id = "kernel.clocksource", .severity = Severity::kOk, .seen = *name, .why = {}, .fix = {}};
    if (*name == "hpet" || *name == "acpi_pm" || *name == "jiffies" || *name == "refined-jiffies") {
        finding.severity = Severity::kWarning;
        finding.why = "each reading of the clock goes to a slow device: pacing and times suffer";
        finding.fix = "kernel command line: clocksource=tsc tsc=reliable (see dmesg for why it was "
                      "given up)";
    } else if (*name != "tsc" && *name != "arch_sys_counter") {
        finding.severity = Severity::kNote;
        finding.why = "the hypervisor keeps the clock: it may be adjusted while a transfer runs";
    }
    findings.push_back(std::move(finding));
}

void mitigations(const Machine& machine, Findings& findings)
{
    const auto folder = machine.root.sys / "devices/system/cpu/vulnerabilities";
    std::vector<std::string> mitigated;
    const std::vector<std::string> names = core::names_in(folder);
    for (const std::string& name : names) {
        const auto state = core::read_text(folder / name);
        if (state && state->rfind("Mitigation:", 0) == 0)
            mitigated.push_back(name);
    }
    if (names.empty())
        return;
    const std::string line = core::read_text(machine.root.proc / "cmdline").value_or("");
    if (mitigated.empty()) {
        const bool off = line.find("mitigations=off") != std::string::npos;
        findings.push_back({.id = "kernel.mitigations",
                            .severity = off ? Severity::kNote : Severity::kOk,
                            .seen = off ? "mitigations=off" : "none in force",
                            .why = off ? "system calls cost less than on a machine as delivered: "
                                         "say so beside the figures"
                                       : "",
                            .fix = {}});
        return;
    }
    findings.push_back({.id = "kernel.mitigations",
                        .severity = Severity::kNote,
                        .seen = fmt::format("in force: {}", fmt::join(mitigated, ", ")),
                        .why = "they make each crossing dearer, to the kernel's paths more than to "
                               "the engines': compare only with machines in the same state",
                        .fix = "for a lab machine that runs nothing untrusted: mitigations=off on "
                               "the kernel command line"});
}

void examine_kernel(const Machine& machine, Findings& findings)
{
    version(machine, findings);
    offered(findings, "kernel.af_xdp", machine.af_xdp,
            {.id = {},
             .severity = Severity::kError,
             .seen = {},
             .why = "the af_xdp engine and receiver have no socket",
             .fix = "a kernel built with CONFIG_XDP_SOCKETS=y, and CAP_NET_RAW (root)"});
    btf(machine, findings);
    offered(findings, "kernel.bpf", machine.bpf,
            {.id = {},
             .severity = Severity::kWarning,
             .seen = {},
             .why = "no ledger and no af_xdp receiver: both load BPF programs",
             .fix = "run as root (CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN), outside of a container "
                    "that filters bpf(2)"});
    offered(findings, "kernel.fentry", machine.fentry,
            {.id = {},
             .severity = Severity::kNote,
             .seen = {},
             .why = "CPU copies are told by page identity alone: the second witness, at the "
                    "kernel's copying functions, is missing",
             .fix = "a kernel with CONFIG_FUNCTION_TRACER=y whose lockdown or security module "
                    "permits tracing programs (lockdown=none)"});
    clock_source(machine, findings);
    mitigations(machine, findings);
}

} // namespace

extern const Family family_kernel = {.name = "kernel", .examine = examine_kernel};

} // namespace pagewire::testbed::doctor
