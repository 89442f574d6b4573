// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "core/source_file.hpp"
#include "core/unique_fd.hpp"

#include <liburing.h>
#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace pagewire::dataplane {

/// One finished read: the caller's tag, and the octets read or a negative errno.
struct ReadDone {
    std::uint32_t tag = 0;
    std::int32_t result = 0;
};

/// Reads a file past the page cache straight into packet memory: io_uring with a registered file
/// and a registered buffer (IORING_OP_READ_FIXED), O_DIRECT. The disk's DMA lands in the pages that
/// the NIC sends from.
///
/// Set-up issues open, io_uring_setup and the registrations. In the loop, start() only writes a
/// submission entry, submit() is one io_uring_enter(2), reap() reads the completion ring in user
/// space: completions are run at the loop's other system calls (IORING_SETUP_COOP_TASKRUN).
class DirectReader {
  public:
    /// `memory` is what the reads land in; `depth` is how many may be in flight. Throws
    /// SystemError.
    DirectReader(const std::string& path, std::span<std::byte> memory, std::uint32_t depth);
    DirectReader(const DirectReader&) = delete;
    DirectReader& operator=(const DirectReader&) = delete;
    ~DirectReader();

    /// Queues a read. Offset, length and address obey the file's alignment. False: `depth` reads
    /// are in flight.
    [[nodiscard]] bool start(std::uint32_t tag, std::uint64_t file_offset, std::uint32_t length,
                             std::byte* destination) noexcept;

    /// The same into several places, one after the other (IORING_OP_READV): `destinations` stays as
    /// it is until the read is finished. At most IOV_MAX of them.
    [[nodiscard]] bool start_scattered(std::uint32_t tag, std::uint64_t file_offset,
                                       std::span<const iovec> destinations) noexcept;

    [[nodiscard]] std::uint32_t num_queued() const noexcept { return num_queued_; }

    /// Queued or under way.
    [[nodiscard]] std::uint32_t num_in_flight() const noexcept { return num_in_flight_; }

    /// Hands the queued reads to the kernel. 0, or an errno that will not mend itself.
    [[nodiscard]] int submit() noexcept;

    /// Finished reads, without a system call. Returns how many.
    [[nodiscard]] std::size_t reap(std::span<ReadDone> done) noexcept;

    /// Sleeps until a read is finished, or `longest` is over.
    void wait(std::chrono::milliseconds longest) noexcept;

  private:
    [[nodiscard]] io_uring_sqe* next_entry() noexcept;
    void queue(io_uring_sqe* sqe, std::uint32_t tag) noexcept;

    core::UniqueFd file_;
    io_uring ring_{};
    std::uint32_t depth_;
    std::uint32_t num_queued_ = 0;
    std::uint32_t num_in_flight_ = 0;
};

/// Whether this kernel and this caller may use io_uring at all.
[[nodiscard]] core::Support probe_io_uring();

} // namespace pagewire::dataplane
