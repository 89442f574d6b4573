// SPDX-License-Identifier: BSD-3-Clause
// The file mapped, write(2) from the mapping: the copy into a user buffer goes, page faults come.
#include "core/mapping.hpp"
#include "core/units.hpp"
#include "kernelpath/tcp_stream.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>

namespace pagewire::kernelpath {

namespace {

/// Largest page of the architectures that Linux runs on.
constexpr std::size_t kPageBytesMax = 64 * core::kKiB;

/// The whole range mapped once: the pages come in by faults that write(2) takes on our behalf. A
/// file that shrinks meanwhile makes write(2) fail with EFAULT: user space never touches the
/// mapping itself.
std::uint64_t send_mapped_once(const core::TransferJob& job, int file, TcpStream& stream)
{
    std::uint64_t num_turns = 0;
    const core::Mapping mapping =
        core::Mapping::file(file, job.range.offset, job.range.length, job.path);
    auto rest = mapping.bytes();
    while (!rest.empty()) {
        const auto chunk = rest.first(std::min(job.chunk_bytes, rest.size()));
        stream.write_all(chunk);
        rest = rest.subspan(chunk.size());
        ++num_turns;
    }
    return num_turns;
}

/// The textbook's loop: a mapping for each turn, laid over the last one (MAP_FIXED), so that a turn
/// is one mmap(2) and one write(2).
std::uint64_t send_mapped_by_chunk(const core::TransferJob& job, int file, TcpStream& stream)
{
    std::uint64_t num_turns = 0;
    core::Mapping window;
    for (std::uint64_t at = job.range.offset; at < job.range.end(); ++num_turns) {
        const auto length = std::min<std::uint64_t>(job.chunk_bytes, job.range.end() - at);
        if (!window) // with room for a chunk that begins within a page
            window = core::Mapping::file(file, at, job.chunk_bytes + kPageBytesMax, job.path);
        else
            window.map_over(file, at, length, job.path);
        stream.write_all(window.bytes().first(length));
        at += length;
    }
    return num_turns;
}

core::TransferReport run(const core::TransferJob& job, core::TransferWatch& watch)
{
    const core::UniqueFd file = open_source(job);
    TcpStream stream(job, watch);

    core::TransferReport report;
    watch.begin();
    report.num_turns = job.map_per_chunk ? send_mapped_by_chunk(job, file.get(), stream)
                                         : send_mapped_once(job, file.get(), stream);
    watch.sent();
    report.bytes_sent = job.range.length;
    stream.finish(watch);
    return report;
}

constexpr std::array kPath{
    core::PathStep{"page cache", "the disk writes the pages, read ahead", core::StepCost::kDiskDma},
    core::PathStep{"the sender's address space", "page faults map the pages: nothing moves",
                   core::StepCost::kNone},
    core::PathStep{"socket's pages", "write(2): the CPU copies", core::StepCost::kCopyToKernel},
    core::PathStep{"the driver's descriptors",
                   "pages as they are; without scatter/gather the CPU copies",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches headers and pages", core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_mmap_write;
constinit const core::Method method_mmap_write{
    .name = "mmap_write",
    .summary = "the file mapped once, write(2) from the mapping to a TCP socket",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = {},
    .textbook = core::Textbook{.crossings = 4, .cpu_copies = 1, .dma = 2},
    .path = kPath,
    .maps_file = true,
    .has_chunks = true,
    .probe = [] { return core::Support::available(); },
    .run = run,
};

} // namespace pagewire::kernelpath
