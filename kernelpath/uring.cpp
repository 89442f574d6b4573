// SPDX-License-Identifier: BSD-3-Clause
#include "kernelpath/uring.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <sys/uio.h>

#include <cstdlib>
#include <memory>

namespace pagewire::kernelpath {

namespace {

int init_ring(unsigned num_entries, io_uring& ring)
{
    const int error = ::io_uring_queue_init(
        num_entries, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    return error == -EINVAL ? ::io_uring_queue_init(num_entries, &ring, 0) : error;
}

struct FreeProbe {
    void operator()(io_uring_probe* probe) const noexcept { ::io_uring_free_probe(probe); }
};

} // namespace

Uring::Uring(unsigned num_entries)
{
    if (const int error = init_ring(num_entries, ring_); error < 0)
        core::throw_error(-error, "io_uring_setup");
}

Uring::~Uring()
{
    ::io_uring_queue_exit(&ring_);
}

void Uring::register_buffer(std::span<std::byte> memory)
{
    const iovec buffer{.iov_base = memory.data(), .iov_len = memory.size()};
    if (const int error = ::io_uring_register_buffers(&ring_, &buffer, 1); error < 0)
        core::throw_error(-error, "io_uring_register",
                          error == -ENOMEM ? "buffers: is RLIMIT_MEMLOCK too small? (ulimit -l)"
                                           : "buffers");
}

void Uring::wait(const TcpStream& stream, unsigned num_completions)
{
    __kernel_timespec time{
        .tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(core::TransferWatch::kMaxWait).count()};
    static_assert(core::TransferWatch::kMaxWait < std::chrono::seconds(1), "tv_nsec holds it");
    io_uring_cqe* cqe = nullptr;
    const int result =
        ::io_uring_submit_and_wait_timeout(&ring_, &cqe, num_completions, &time, nullptr);
    if (result < 0 && result != -ETIME && result != -EINTR && result != -EAGAIN && result != -EBUSY)
        core::throw_error(-result, "io_uring_enter");
    stream.check();
}

bool reports_send_zc_usage()
{
    io_uring ring{};
    if (init_ring(2, ring) < 0)
        return false;
    // To no socket at all: a flag that is not known is refused before that is looked at.
    std::byte nothing{};
    io_uring_sqe* sqe = ::io_uring_get_sqe(&ring);
    ::io_uring_prep_send_zc(sqe, -1, &nothing, 1, 0, kSendZcReportUsage);
    io_uring_cqe* cqe = nullptr;
    const bool known = ::io_uring_submit_and_wait(&ring, 1) >= 0 &&
                       ::io_uring_peek_cqe(&ring, &cqe) == 0 && cqe->res == -EBADF;
    ::io_uring_queue_exit(&ring);
    return known;
}

core::Support probe_uring(int operation, const char* name)
{
    io_uring ring{};
    if (const int error = init_ring(2, ring); error < 0) {
        return core::Support::unavailable(
            fmt::format("io_uring cannot be used: {}{}", core::errno_text(-error),
                        error == -EPERM ? " (see the sysctl kernel.io_uring_disabled)" : ""));
    }
    const std::unique_ptr<io_uring_probe, FreeProbe> probe(::io_uring_get_probe_ring(&ring));
    ::io_uring_queue_exit(&ring);
    if (!probe || ::io_uring_opcode_supported(probe.get(), operation) == 0)
        return core::Support::unavailable(fmt::format("this kernel's io_uring has no {}", name));
    return core::Support::available();
}

} // namespace pagewire::kernelpath
