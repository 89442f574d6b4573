// SPDX-License-Identifier: BSD-3-Clause
#include "kernelpath/tcp_stream.hpp"

#include "core/error.hpp"
#include "core/socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pagewire::kernelpath {

TcpStream::TcpStream(const core::TransferJob& job, const core::TransferWatch& watch)
    : fd_(core::open_socket(SOCK_STREAM)),
      watch_(watch)
{
    core::set_socket_timeouts(fd_.get(), core::TransferWatch::kMaxWait);
    core::connect_socket(fd_.get(), job.peer.ipv4, job.peer.port, [&watch] { watch.check(); });
}

void TcpStream::write_all(std::span<const std::byte> data)
{
    while (!data.empty()) {
        const ssize_t taken = ::write(fd_.get(), data.data(), data.size());
        if (taken < 0)
            retry_or_throw("write");
        else
            data = data.subspan(static_cast<std::size_t>(taken));
    }
}

bool TcpStream::read_all(std::span<std::byte> data)
{
    const std::size_t wanted = data.size();
    while (!data.empty()) {
        const ssize_t got = ::recv(fd_.get(), data.data(), data.size(), 0);
        if (got < 0)
            retry_or_throw("recv");
        else if (got == 0 && data.size() == wanted)
            return false;
        else if (got == 0)
            throw core::TransferError("the peer closed the connection in the middle of a request");
        else
            data = data.subspan(static_cast<std::size_t>(got));
    }
    return true;
}

void TcpStream::finish(core::TransferWatch& watch)
{
    core::checked(::shutdown(fd_.get(), SHUT_WR), "shutdown", "connection to the sink");
    for (;;) {
        std::byte answer{};
        const ssize_t got = ::recv(fd_.get(), &answer, 1, 0);
        if (got == 1 && answer == kStreamAcknowledged)
            break;
        if (got >= 0)
            throw core::TransferError(
                "the sink closed the connection before it had the whole stream");
        retry_or_throw("recv");
    }
    watch.acknowledged();
}

void TcpStream::retry_or_throw(const char* call) const
{
    if (errno != EINTR && errno != EAGAIN)
        core::throw_errno(call, "connection to the sink");
    watch_.check();
}

core::UniqueFd open_source(const core::TransferJob& job)
{
    return core::UniqueFd(
        core::checked(::open(job.path.c_str(), O_RDONLY | O_CLOEXEC), "open", job.path));
}

void throw_file_ended(const core::TransferJob& job, std::uint64_t offset)
{
    throw core::TransferError(
        fmt::format("{}: ends at byte {}, before its range does: it shrank", job.path, offset));
}

} // namespace pagewire::kernelpath
