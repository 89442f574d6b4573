// SPDX-License-Identifier: BSD-3-Clause
// Memory: what may be locked, huge pages, the page cache's room, the IOMMU.
#include "core/units.hpp"
#include "testbed/doctor/doctor.hpp"
#include "testbed/plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>

namespace pagewire::testbed::doctor {

namespace {

/// /proc/meminfo counts in KiB, and pages of its pools in pages.
std::optional<std::uint64_t> meminfo(const std::string& text, const char* key)
{
    const auto value = core::value_of(text, key);
    return value ? std::optional(std::strtoull(value->c_str(), nullptr, 10)) : std::nullopt;
}

void memlock(const Machine& machine, Findings& findings)
{
    const std::uint64_t packet_memory = Plan{}.dataplane.umem_bytes;
    if (!machine.memlock_bytes) {
        findings.push_back({.id = "memory.memlock",
                            .severity = Severity::kOk,
                            .seen = "no limit for this process",
                            .why = {},
                            .fix = {}});
        return;
    }
    // The same memory is accounted for twice: as UMEM and as io_uring's registered buffers.
    const std::uint64_t limit = *machine.memlock_bytes;
    const bool enough = limit >= 2 * packet_memory;
    findings.push_back({.id = "memory.memlock",
                        .severity = enough                   ? Severity::kOk
                                    : limit >= packet_memory ? Severity::kWarning
                                                             : Severity::kError,
                        .seen = fmt::format("limit {}", core::format_bytes(limit)),
                        .why = enough ? ""
                                      : fmt::format("an engine locks {} of packet memory for each "
                                                    "queue, as UMEM and as io_uring's buffers",
                                                    core::format_bytes(packet_memory)),
                        .fix = enough ? "" : "ulimit -l unlimited, or CAP_IPC_LOCK (root)"});
}

void hugepages(const std::string& info, Findings& findings)
{
    const auto total = meminfo(info, "HugePages_Total");
    const auto size = meminfo(info, "Hugepagesize");
    if (!total || !size)
        return;
    const std::uint64_t free = meminfo(info, "HugePages_Free").value_or(0);
    Finding finding{.id = "memory.hugepages",
                    .severity = Severity::kOk,
                    .seen = fmt::format("{} of {}, {} free", *total,
                                        core::format_bytes(*size * core::kKiB), free),
                    .why = {},
                    .fix = {}};
    if (free == 0) {
        finding.severity = Severity::kNote;
        finding.why = "packet memory lies on transparent huge pages or on small ones: more TLB and "
                      "IOMMU work for each packet";
        finding.fix = "sysctl vm.nr_hugepages=64";
    }
    findings.push_back(std::move(finding));
}

void page_cache(const Machine& machine, const std::string& info, Findings& findings)
{
    const auto available = meminfo(info, "MemAvailable");
    if (!available)
        return;
    const std::uint64_t room = *available * core::kKiB;
    const std::uint64_t size = machine.source ? machine.source->size : 0;
    Finding finding{.id = "memory.page_cache",
                    .severity = Severity::kOk,
                    .seen = fmt::format("{} available", core::format_bytes(room)),
                    .why = {},
                    .fix = {}};
    if (machine.source && machine.source->is_file) {
        finding.seen += fmt::format(", the file has {}", core::format_bytes(size));
        if (size > room / 2) {
            finding.severity = Severity::kWarning;
            finding.why = "the file takes more than half of what is free: a hot cache may lose "
                          "pages while a transfer runs, and such rows fail";
            finding.fix = "a smaller file, an offset and a length in the plan, or --cache cold";
        }
    }
    findings.push_back(std::move(finding));
}

/// Documentation/accounting/psi.rst: "some avg10=0.00 avg60=…", per cent of the last ten seconds.
void pressure(const Machine& machine, Findings& findings)
{
    const auto text = core::read_text(machine.root.proc / "pressure/memory");
    const auto at = text ? text->find("avg10=") : std::string::npos;
    if (at == std::string::npos)
        return;
    const double percent = std::strtod(text->c_str() + at + 6, nullptr);
    const bool calm = percent < 1;
    findings.push_back(
        {.id = "memory.pressure",
         .severity = calm ? Severity::kOk : Severity::kWarning,
         .seen = fmt::format("tasks waited for memory {:.1f} % of the last ten "
                             "seconds",
                             percent),
         .why = calm ? "" : "the kernel takes pages back while transfers run",
         .fix = calm ? "" : "stop what uses the memory (ps aux --sort=-rss | head)"});
}

void iommu(const Machine& machine, Findings& findings)
{
    const std::vector<std::string> units = core::names_in(machine.root.sys / "class/iommu");
    const auto groups = core::names_in(machine.root.sys / "kernel/iommu_groups").size();
    if (units.empty() && groups == 0) {
        findings.push_back({.id = "memory.iommu",
                            .severity = Severity::kNote,
                            .seen = "none in use",
                            .why = "devices reach memory without translation: quick, and no "
                                   "vfio-pci for user-space drivers",
                            .fix = "firmware: VT-d or AMD-Vi on; kernel command line: "
                                   "intel_iommu=on iommu=pt"});
        return;
    }
    const auto kind = core::read_text(machine.root.sys / "kernel/iommu_groups/0/type");
    const bool translated = kind && kind->rfind("DMA", 0) == 0;
    findings.push_back(
        {.id = "memory.iommu",
         .severity = translated ? Severity::kNote : Severity::kOk,
         .seen = fmt::format("{} groups, type {}{}", groups, kind.value_or("not told"),
                             units.empty() ? "" : fmt::format(" ({})", fmt::join(units, ", "))),
         .why =
             translated ? "each buffer of the kernel's paths is mapped and unmapped for DMA" : "",
         .fix = translated ? "kernel command line: iommu=pt, where the devices are trusted" : ""});
}

void vfio(const Machine& machine, Findings& findings)
{
    std::error_code error;
    const bool there =
        std::filesystem::exists(machine.root.sys / "bus/pci/drivers/vfio-pci", error);
    findings.push_back({.id = "memory.vfio",
                        .severity = there ? Severity::kOk : Severity::kNote,
                        .seen = there ? "vfio-pci is loaded" : "no vfio-pci",
                        .why = there ? "" : "no NIC can be given to a user-space driver",
                        .fix = there ? "" : "modprobe vfio-pci (needs an IOMMU)"});
}

void examine_memory(const Machine& machine, Findings& findings)
{
    memlock(machine, findings);
    if (const auto info = core::read_text(machine.root.proc / "meminfo")) {
        hugepages(*info, findings);
        page_cache(machine, *info, findings);
    }
    pressure(machine, findings);
    iommu(machine, findings);
    vfio(machine, findings);
}

} // namespace

extern const Family family_memory = {.name = "memory", .examine = examine_memory};

} // namespace pagewire::testbed::doctor
