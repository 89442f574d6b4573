// SPDX-License-Identifier: BSD-3-Clause
// The file mapped, write(2) from the mapping: the copy into a user buffer goes, page faults come.
#include "core/mapping.hpp"
#include "kernelpath/tcp_stream.hpp"

#include <sys/mman.h>

#include <algorithm>

namespace pagewire::kernelpath {

namespace {

core::TransferReport run(const core::TransferJob& job, core::TransferWatch& watch)
{
    const core::UniqueFd file = open_source(job);
    TcpStream stream(job, watch);

    core::TransferReport report;
    watch.begin();
    // One mapping of the whole range; the pages come in by faults that write(2) takes on our
    // behalf. A file that shrinks meanwhile makes write(2) fail with EFAULT: user space never
    // touches the mapping itself.
    const core::Mapping mapping =
        core::Mapping::file(file.get(), job.range.offset, job.range.length, job.path);
    auto rest = mapping.bytes();
    while (!rest.empty()) {
        const auto chunk = rest.first(std::min(job.chunk_bytes, rest.size()));
        stream.write_all(chunk);
        rest = rest.subspan(chunk.size());
        ++report.num_turns;
    }
    watch.sent();
    report.bytes_sent = job.range.length;
    stream.finish(watch);
    return report;
}

} // namespace

extern const core::Method method_mmap_write;
constinit const core::Method method_mmap_write{
    .name = "mmap_write",
    .summary = "the file mapped once, write(2) from the mapping to a TCP socket",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = {},
    .textbook = core::Textbook{.crossings = 4, .cpu_copies = 1, .dma = 2},
    .probe = [] { return core::Support::available(); },
    .run = run,
};

} // namespace pagewire::kernelpath
