// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "kernelpath/tcp_stream.hpp"
#include "kernelpath/zerocopy_sends.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pagewire::kernelpath {

/// Sends from buffers without copying them: MSG_ZEROCOPY on a TCP socket, with the completions that
/// the kernel puts into the socket's error queue (recvmsg(2), MSG_ERRQUEUE;
/// Documentation/networking/msg_zerocopy.rst). Every wait has a bound.
class ZerocopySocket {
  public:
    /// Sets SO_ZEROCOPY on the stream, which outlives this. Throws SystemError.
    ZerocopySocket(TcpStream& stream, std::size_t num_buffers);

    /// All of `data`, which lies in that buffer. `more` follows. Where the kernel refuses more
    /// pages (ENOBUFS: net.core.optmem_max, RLIMIT_MEMLOCK) it waits for completions, and where
    /// none is outstanding it sends by copying, and counts that. Throws SystemError, TransferError.
    void send(std::size_t buffer, std::span<const std::byte> data, bool more);

    /// Waits until the buffer may be written to.
    void wait_for(std::size_t buffer);

    /// Waits until every send is complete, but no longer than the kernel needs for data that the
    /// receiver has: false when some are missing after that.
    [[nodiscard]] bool wait_for_all();

    struct Counts {
        std::uint64_t completed = 0; ///< sends
        std::uint64_t copied = 0;    ///< of these, reported as copied (SO_EE_CODE_ZEROCOPY_COPIED)
        std::uint64_t refused = 0;   ///< ENOBUFS
        std::uint64_t plain = 0;     ///< sends without MSG_ZEROCOPY, because of that
    };

    [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

    /// The kernel's own word on all of it: "zero-copy", "copy", "partly"; "" without completions.
    [[nodiscard]] std::string_view reported() const noexcept;

  private:
    bool reap_one();
    void reap_some();
    void wait_or_send_plain(std::span<const std::byte>& data);

    TcpStream& stream_;
    ZerocopySends sends_;
    Counts counts_;
};

} // namespace pagewire::kernelpath
