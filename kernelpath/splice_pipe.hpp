// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"
#include "kernelpath/tcp_stream.hpp"

#include <cstddef>
#include <map>
#include <string>

namespace pagewire::kernelpath {

/// A pipe that pages are spliced through, with room for a turn where the kernel gives it: pipe(7),
/// F_SETPIPE_SZ. It is refused beyond /proc/sys/fs/pipe-max-size, or where the user's pipes have
/// their share (pipe-user-pages-soft), without CAP_SYS_RESOURCE; then turns are as long as the pipe
/// is.
class SplicePipe {
  public:
    /// `bytes` wanted at once. Throws SystemError where there is no pipe at all.
    explicit SplicePipe(std::size_t bytes);

    [[nodiscard]] int read_end() const noexcept { return read_end_.get(); }

    [[nodiscard]] int write_end() const noexcept { return write_end_.get(); }

    /// As the kernel has it. A pipe holds whole pages: of bytes that begin within one, a page less.
    [[nodiscard]] std::size_t size_bytes() const noexcept { return size_bytes_; }

    /// splice(2)s to the stream what is in the pipe, `bytes`, to the last one. `more` follows: no
    /// small segment is sent before it. Throws as TcpStream's sending does.
    void drain(std::size_t bytes, bool more, const TcpStream& stream) const;

    /// For the report: pipe_bytes, and pipe_refused with the reason.
    [[nodiscard]] const std::map<std::string, std::string>& facts() const noexcept
    {
        return facts_;
    }

  private:
    core::UniqueFd read_end_;
    core::UniqueFd write_end_;
    std::size_t size_bytes_ = 0;
    std::map<std::string, std::string> facts_;
};

} // namespace pagewire::kernelpath
