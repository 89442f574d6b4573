// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/support.hpp"
#include "kernelpath/tcp_stream.hpp"

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace pagewire::kernelpath {

/// linux/io_uring.h of Linux 6.2, which Debian 12's headers lack.
inline constexpr std::uint16_t kSendZcReportUsage = 1U << 3U;   ///< IORING_SEND_ZC_REPORT_USAGE
inline constexpr std::uint32_t kNotifUsageZcCopied = 1U << 31U; ///< IORING_NOTIF_USAGE_ZC_COPIED

/// Sole owner of one io_uring, used by one thread. Completions are run at its own system calls
/// (IORING_SETUP_DEFER_TASKRUN, Linux 6.1; older kernels get the plain ring).
class Uring {
  public:
    /// Room for `num_entries` submissions. Throws SystemError.
    explicit Uring(unsigned num_entries);
    Uring(const Uring&) = delete;
    Uring& operator=(const Uring&) = delete;
    ~Uring();

    /// Pins the memory, as registered buffer 0, for as long as the ring lives. Throws SystemError
    /// (RLIMIT_MEMLOCK without CAP_IPC_LOCK: ENOMEM).
    void register_buffer(std::span<std::byte> memory);

    /// The next submission, empty; null where the ring has no room before wait().
    [[nodiscard]] io_uring_sqe* next() noexcept { return ::io_uring_get_sqe(&ring_); }

    /// Submits, and sleeps until there are `num_completions`, for TransferWatch::kMaxWait at most;
    /// then stream.check(). One io_uring_enter(2). Throws SystemError, TransferError.
    void wait(const TcpStream& stream, unsigned num_completions = 1);

    /// Hands each completion to `take(const io_uring_cqe&)`, without a system call.
    template<typename Take>
    void reap(Take take)
    {
        io_uring_cqe* cqe = nullptr;
        while (::io_uring_peek_cqe(&ring_, &cqe) == 0 && cqe != nullptr) {
            const io_uring_cqe taken = *cqe;
            ::io_uring_cqe_seen(&ring_, cqe);
            take(taken);
        }
    }

  private:
    io_uring ring_{};
};

/// Whether SEND_ZC takes kSendZcReportUsage: Linux 6.2. False too where there is no SEND_ZC.
[[nodiscard]] bool reports_send_zc_usage();

/// Whether this kernel lets this caller use io_uring, and knows the operation (IORING_OP_...),
/// which `name` names for the reason.
[[nodiscard]] core::Support probe_uring(int operation, const char* name);

} // namespace pagewire::kernelpath
