// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/direct_reader.hpp"

#include "core/error.hpp"

#include <fcntl.h>
#include <fmt/format.h>

namespace pagewire::dataplane {

namespace {

/// A ring that runs completions at the loop's own system calls, without inter-processor interrupts
/// (Linux 5.19, 6.0); an older kernel gets the plain one.
int init_ring(std::uint32_t depth, io_uring& ring)
{
    const int error =
        ::io_uring_queue_init(depth, &ring, IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER);
    return error == -EINVAL ? ::io_uring_queue_init(depth, &ring, 0) : error;
}

} // namespace

DirectReader::DirectReader(const std::string& path, std::span<std::byte> memory,
                           std::uint32_t depth)
    : file_(core::checked(::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC), "open(O_DIRECT)",
                          path)),
      depth_(depth)
{
    if (const int error = init_ring(depth, ring_); error < 0)
        core::throw_error(-error, "io_uring_setup");
    const iovec buffer{.iov_base = memory.data(), .iov_len = memory.size()};
    int error = ::io_uring_register_buffers(&ring_, &buffer, 1);
    if (error == 0) {
        const int fd = file_.get();
        error = ::io_uring_register_files(&ring_, &fd, 1);
    }
    if (error < 0) {
        ::io_uring_queue_exit(&ring_);
        core::throw_error(-error, "io_uring_register", "packet memory and source file");
    }
}

DirectReader::~DirectReader()
{
    ::io_uring_queue_exit(&ring_); // waits for reads in flight: none lands in memory that is gone
}

io_uring_sqe* DirectReader::next_entry() noexcept
{
    return num_in_flight_ < depth_ ? ::io_uring_get_sqe(&ring_) : nullptr;
}

void DirectReader::queue(io_uring_sqe* sqe, std::uint32_t tag) noexcept
{
    sqe->flags |= IOSQE_FIXED_FILE;
    ::io_uring_sqe_set_data64(sqe, tag);
    ++num_queued_;
    ++num_in_flight_;
}

bool DirectReader::start(std::uint32_t tag, std::uint64_t file_offset, std::uint32_t length,
                         std::byte* destination) noexcept
{
    io_uring_sqe* sqe = next_entry();
    if (sqe == nullptr)
        return false;
    ::io_uring_prep_read_fixed(sqe, 0, destination, length, file_offset, 0);
    queue(sqe, tag);
    return true;
}

bool DirectReader::start_scattered(std::uint32_t tag, std::uint64_t file_offset,
                                   std::span<const iovec> destinations) noexcept
{
    io_uring_sqe* sqe = next_entry();
    if (sqe == nullptr)
        return false;
    ::io_uring_prep_readv(sqe, 0, destinations.data(), static_cast<unsigned>(destinations.size()),
                          file_offset);
    queue(sqe, tag);
    return true;
}

int DirectReader::submit() noexcept
{
    while (num_queued_ > 0) {
        const int taken = ::io_uring_submit(&ring_);
        if (taken == -EINTR)
            continue;
        if (taken == -EAGAIN || taken == -EBUSY)
            return 0; // short of memory, or completions to be reaped first: the next round tries
                      // again
        if (taken < 0)
            return -taken;
        num_queued_ -= static_cast<std::uint32_t>(taken);
    }
    return 0;
}

std::size_t DirectReader::reap(std::span<ReadDone> done) noexcept
{
    std::size_t count = 0;
    io_uring_cqe* cqe = nullptr;
    while (count < done.size() && ::io_uring_peek_cqe(&ring_, &cqe) == 0) {
        done[count++] = {.tag = static_cast<std::uint32_t>(::io_uring_cqe_get_data64(cqe)),
                         .result = cqe->res};
        ::io_uring_cqe_seen(&ring_, cqe);
    }
    num_in_flight_ -= static_cast<std::uint32_t>(count);
    return count;
}

void DirectReader::wait(std::chrono::milliseconds longest) noexcept
{
    __kernel_timespec time{.tv_sec = longest.count() / 1000,
                           .tv_nsec = longest.count() % 1000 * 1'000'000};
    io_uring_cqe* cqe = nullptr;
    // Time-out and EINTR look the same to the caller: reap() finds nothing.
    (void)::io_uring_wait_cqe_timeout(&ring_, &cqe, &time);
}

core::Support probe_io_uring()
{
    io_uring ring{};
    if (const int error = init_ring(2, ring); error < 0) {
        return core::Support::unavailable(
            fmt::format("io_uring cannot be used: {}{}", core::errno_text(-error),
                        error == -EPERM ? " (see the sysctl kernel.io_uring_disabled)" : ""));
    }
    ::io_uring_queue_exit(&ring);
    return core::Support::available();
}

} // namespace pagewire::dataplane
