// SPDX-License-Identifier: BSD-3-Clause
#include "kernelpath/splice_pipe.hpp"

#include "core/error.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>

namespace pagewire::kernelpath {

SplicePipe::SplicePipe(std::size_t bytes)
{
    std::array<int, 2> ends{};
    core::checked(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
    read_end_ = core::UniqueFd(ends[0]);
    write_end_ = core::UniqueFd(ends[1]);
    const auto wanted =
        static_cast<int>(std::min<std::size_t>(bytes, std::numeric_limits<int>::max()));
    const int had = core::checked(::fcntl(ends[1], F_GETPIPE_SZ), "fcntl", "F_GETPIPE_SZ");
    // A pipe is never made smaller than it comes: that would only cost turns.
    if (wanted > had && ::fcntl(ends[1], F_SETPIPE_SZ, wanted) < 0)
        facts_["pipe_refused"] =
            fmt::format("F_SETPIPE_SZ {}: {}", wanted, core::errno_text(errno));
    size_bytes_ = static_cast<std::size_t>(
        core::checked(::fcntl(ends[1], F_GETPIPE_SZ), "fcntl", "F_GETPIPE_SZ"));
    facts_["pipe_bytes"] = fmt::format("{}", size_bytes_);
}

void SplicePipe::drain(std::size_t bytes, bool more, const TcpStream& stream) const
{
    while (bytes > 0) {
        const ssize_t taken =
            ::splice(read_end(), nullptr, stream.fd(), nullptr, bytes, more ? SPLICE_F_MORE : 0U);
        if (taken < 0)
            stream.retry_or_throw("splice");
        else
            bytes -= static_cast<std::size_t>(taken);
    }
}

} // namespace pagewire::kernelpath
