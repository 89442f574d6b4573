// SPDX-License-Identifier: BSD-3-Clause
// The disk under the file, and what the file's file system does for O_DIRECT.
#include "testbed/doctor/doctor.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace pagewire::testbed::doctor {

namespace {

namespace fs = std::filesystem;

/// /sys/block/NAME of the whole disk that a file system lies on; nothing where it lies on no single
/// one (tmpfs, overlay, btrfs, network file systems).
std::optional<fs::path> disk_of(const Machine& machine, const Source& source)
{
    std::error_code error;
    const fs::path device =
        fs::canonical(machine.root.sys / "dev/block" /
                          fmt::format("{}:{}", source.device_major, source.device_minor),
                      error);
    if (error)
        return std::nullopt;
    return fs::exists(device / "partition", error) ? device.parent_path() : device;
}

void direct_io(const Source& source, Findings& findings)
{
    if (!source.is_file) {
        findings.push_back(
            {.id = "storage.direct_io",
             .severity = Severity::kNote,
             .seen = fmt::format("no file given; {} is on {}", source.path, source.file_system),
             .why = "direct I/O is a property of each file",
             .fix = "pagewire doctor --file F"});
        return;
    }
    if (source.direct_io) {
        findings.push_back(
            {.id = "storage.direct_io",
             .severity = Severity::kOk,
             .seen = fmt::format("{} on {}: memory aligned to {}, offsets to {} bytes", source.path,
                                 source.file_system, source.direct_io->memory,
                                 source.direct_io->offset),
             .why = {},
             .fix = {}});
        return;
    }
    findings.push_back({.id = "storage.direct_io",
                        .severity = Severity::kError,
                        .seen = fmt::format("{}: {}", source.path, source.no_direct_io),
                        .why = "the engines read by O_DIRECT only: af_xdp skips this file",
                        .fix = "a file on ext4 or xfs, neither encrypted, verity nor compressed "
                               "(ext4 without data=journal)"});
}

/// Names of disks that a hypervisor makes.
bool is_virtual(const fs::path& disk)
{
    constexpr std::array<std::string_view, 2> prefixes = {"vd", "xvd"};
    const std::string name = disk.filename();
    for (const std::string_view prefix : prefixes) {
        if (name.rfind(prefix, 0) == 0)
            return true;
    }
    const auto model = core::read_text(disk / "device/model");
    return model && (model->find("QEMU") != std::string::npos ||
                     model->find("Virtual") != std::string::npos ||
                     model->find("Elastic Block") != std::string::npos);
}

void virtual_disk(const fs::path& disk, Findings& findings)
{
    const bool is = is_virtual(disk);
    findings.push_back(
        {.id = "storage.virtual_disk",
         .severity = is ? Severity::kWarning : Severity::kOk,
         .seen = fmt::format("{}: {}", disk.filename().string(), is ? "a virtual disk" : "a disk"),
         .why = is ? "the host may answer from its own cache and shares the disk: its rate is no "
                     "device's, and DMA is the host's copying"
                   : "",
         .fix = is ? "a disk passed through to this machine, or figures that do not hang on it "
                     "(--cache hot)"
                   : ""});
}

void polling(const fs::path& disk, Findings& findings)
{
    const auto on = core::read_number(disk / "queue/io_poll");
    if (!on)
        return;
    findings.push_back(
        {.id = "storage.polling",
         .severity = *on != 0 ? Severity::kOk : Severity::kNote,
         .seen = fmt::format("{}: io_poll {}", disk.filename().string(), *on),
         .why =
             *on != 0 ? "" : "each read ends with an interrupt: polled completions cannot be had",
         .fix = *on != 0 ? "" : "NVMe: nvme.poll_queues=2 on the kernel command line"});
}

void numa(const Machine& machine, const fs::path& disk, Findings& findings)
{
    // Of NVMe the block device's parent is the controller, and that one's the PCI device.
    auto node = core::read_number(disk / "device/numa_node");
    if (!node)
        node = core::read_number(disk / "device/device/numa_node");
    if (!node || *node < 0)
        return;
    const std::vector<int> away = workers_away_from(machine, static_cast<int>(*node));
    findings.push_back(
        {.id = "storage.numa",
         .severity = away.empty() ? Severity::kOk : Severity::kWarning,
         .seen = fmt::format("{}: node {}{}", disk.filename().string(), *node,
                             away.empty() ? ""
                                          : fmt::format(", workers on CPUs {} of another node",
                                                        cpu_list_text(away))),
         .why = away.empty() ? "" : "each read crosses from one socket to another",
         .fix = away.empty()
                    ? ""
                    : fmt::format("taskset -c {} pagewire run",
                                  cpu_list_text(cpus_of_node(machine, static_cast<int>(*node))))});
}

void examine_storage(const Machine& machine, Findings& findings)
{
    if (!machine.source)
        return;
    direct_io(*machine.source, findings);
    if (const auto disk = disk_of(machine, *machine.source)) {
        virtual_disk(*disk, findings);
        polling(*disk, findings);
        numa(machine, *disk, findings);
        return;
    }
    findings.push_back(
        {.id = "storage.disk",
         .severity = Severity::kNote,
         .seen = fmt::format("{} lies on no single block device", machine.source->file_system),
         .why = "the ledger cannot count the disk's DMA",
         .fix = "a file on ext4 or xfs of one disk"});
}

} // namespace

extern const Family family_storage = {.name = "storage", .examine = examine_storage};

} // namespace pagewire::testbed::doctor
