// SPDX-License-Identifier: BSD-3-Clause
#include "kernelpath/sendfile_range.hpp"

#include "kernelpath/tcp_stream.hpp"

#include <sys/sendfile.h>

#include <algorithm>

namespace pagewire::kernelpath {

namespace {

/// sendfile(2), Notes: at most 0x7ffff000 bytes a call.
constexpr std::uint64_t kSendfileBytesMax = 0x7ffff000;

} // namespace

core::TransferReport sendfile_range(const core::TransferJob& job, core::TransferWatch& watch)
{
    const core::UniqueFd file = open_source(job);
    TcpStream stream(job, watch);
    auto offset = static_cast<off_t>(job.range.offset);

    core::TransferReport report;
    watch.begin();
    while (report.bytes_sent < job.range.length) {
        const auto want = std::min(kSendfileBytesMax, job.range.length - report.bytes_sent);
        const ssize_t taken = ::sendfile(stream.fd(), file.get(), &offset, want);
        if (taken < 0) {
            stream.retry_or_throw("sendfile");
            continue;
        }
        if (taken == 0)
            throw_file_ended(job, job.range.offset + report.bytes_sent);
        report.bytes_sent += static_cast<std::uint64_t>(taken);
        ++report.num_turns;
        watch.check(); // a signal ends the call early, with the bytes so far
    }
    watch.sent();
    stream.finish(watch);
    return report;
}

} // namespace pagewire::kernelpath
