// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/flow_header.hpp"
#include "core/method.hpp"
#include "core/unique_fd.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace pagewire::core {

/// The sender's side of the closed loop (core/flow_header.hpp): an ordinary UDP socket on which
/// credit arrives, beside the queue of an engine, or the one that a kernel method's data goes out
/// of. A receiver that is slower than the sender throttles it instead of losing datagrams.
class FlowControl {
  public:
    /// What the receiver said at the end.
    struct Outcome {
        std::uint64_t num_received = 0;
        std::chrono::nanoseconds quiet{}; ///< how long it had waited in vain for more
    };

    /// Opens the socket and connects it to the peer. Throws SystemError.
    explicit FlowControl(const TransferJob& job);

    /// The connected socket, of which no call blocks longer than TransferWatch::kMaxWait.
    [[nodiscard]] int fd() const noexcept { return socket_.get(); }

    /// The socket's own port: the engine's datagrams carry it, so that answers come back here.
    [[nodiscard]] std::uint16_t local_port() const;

    /// Probes until the receiver grants its first credit. Throws TransferError through
    /// watch.check().
    void open(const TransferWatch& watch);

    /// Datagrams with a sequence number below this may be sent; 0 before the first credit.
    [[nodiscard]] std::uint64_t limit() const noexcept { return limit_; }

    /// Takes what has arrived, by one recvmmsg(2).
    void poll_credit();

    /// Out of credit: sleeps until some comes; after a while without, probes with the next sequence
    /// number.
    void wait_credit(std::uint64_t next_sequence);

    /// Tells the end and waits for the receiver's last word. Throws TransferError through
    /// watch.check().
    Outcome finish(std::uint64_t num_sent, const TransferWatch& watch);

  private:
    void take(std::span<const std::byte> datagram);
    void tell(FlowHeader::Kind kind, std::uint64_t sequence);
    /// All that has come, by one recvmmsg(2): MSG_DONTWAIT, or MSG_WAITFORONE to wait for the
    /// first. False: nothing came.
    bool receive(int how);

    UniqueFd socket_;
    std::uint32_t flow_;
    std::uint64_t limit_ = 0;
    std::optional<Outcome> outcome_;
};

} // namespace pagewire::core
