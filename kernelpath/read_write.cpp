// SPDX-License-Identifier: BSD-3-Clause
// read(2) into a user buffer, write(2) to the socket: the CPU copies every byte twice.
#include "core/error.hpp"
#include "kernelpath/tcp_stream.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

namespace pagewire::kernelpath {

namespace {

core::TransferReport run(const core::TransferJob& job, core::TransferWatch& watch)
{
    const core::UniqueFd file = open_source(job);
    core::checked(::lseek(file.get(), static_cast<off_t>(job.range.offset), SEEK_SET), "lseek",
                  job.path);
    TcpStream stream(job, watch);
    std::vector<std::byte> buffer(std::min<std::uint64_t>(job.chunk_bytes, job.range.length));

    core::TransferReport report;
    watch.begin();
    while (report.bytes_sent < job.range.length) {
        const auto want =
            std::min<std::uint64_t>(buffer.size(), job.range.length - report.bytes_sent);
        const ssize_t got = ::read(file.get(), buffer.data(), want);
        if (got < 0 && errno == EINTR) {
            watch.check();
            continue;
        }
        if (got < 0)
            core::throw_errno("read", job.path);
        if (got == 0)
            throw_file_ended(job, job.range.offset + report.bytes_sent);
        stream.write_all({buffer.data(), static_cast<std::size_t>(got)});
        report.bytes_sent += static_cast<std::uint64_t>(got);
        ++report.num_turns;
    }
    watch.sent();
    stream.finish(watch);
    return report;
}

constexpr std::array kPath{
    core::PathStep{"page cache", "the disk writes the pages, read ahead", core::StepCost::kDiskDma},
    core::PathStep{"user buffer", "read(2): the CPU copies", core::StepCost::kCopyToUser},
    core::PathStep{"socket's pages", "write(2): the CPU copies", core::StepCost::kCopyToKernel},
    core::PathStep{"the driver's descriptors",
                   "pages as they are; without scatter/gather the CPU copies",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches headers and pages", core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_read_write;
constinit const core::Method method_read_write{
    .name = "read_write",
    .summary = "read(2) into a user buffer, write(2) to a TCP socket",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = {},
    .textbook = core::Textbook{.crossings = 4, .cpu_copies = 2, .dma = 2},
    .path = kPath,
    .has_chunks = true,
    .probe = [] { return core::Support::available(); },
    .run = run,
};

} // namespace pagewire::kernelpath
