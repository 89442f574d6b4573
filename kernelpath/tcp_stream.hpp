// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "core/unique_fd.hpp"

#include <cstddef>
#include <span>

namespace pagewire::kernelpath {

/// The sender's TCP connection to the sink. A blocking socket whose waits are bounded by
/// TransferWatch::kMaxWait (SO_SNDTIMEO, SO_RCVTIMEO), so that a peer that stops reading cannot
/// hang the worker.
class TcpStream {
  public:
    /// Throws SystemError (refused, unreachable).
    TcpStream(const core::TransferJob& job, const core::TransferWatch& watch);

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// write(2) until all is taken, over short writes, EINTR and time-outs.
    void write_all(std::span<const std::byte> data);

    /// Fills `data` with what the peer sends; false where the peer has ended its half before the
    /// first byte. Throws TransferError where it ends later, SystemError.
    [[nodiscard]] bool read_all(std::span<std::byte> data);

    /// Ends the stream and waits for the sink's word that it has all of it; then
    /// watch.acknowledged().
    void finish(core::TransferWatch& watch);

    /// What a -1 from a sending call means: throws for an error, returns to try again for EINTR and
    /// a time-out (after TransferWatch::check()).
    void retry_or_throw(const char* call) const;

    /// TransferWatch::check(), after a call that a signal may have cut short.
    void check() const { watch_.check(); }

  private:
    core::UniqueFd fd_;
    const core::TransferWatch& watch_;
};

/// One octet from the sink behind a complete stream.
inline constexpr std::byte kStreamAcknowledged{0x06};

/// Opens the job's file for a kernel method. Throws SystemError.
[[nodiscard]] core::UniqueFd open_source(const core::TransferJob& job);

/// The file has become shorter than its range.
[[noreturn]] void throw_file_ended(const core::TransferJob& job, std::uint64_t offset);

} // namespace pagewire::kernelpath
