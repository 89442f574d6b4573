// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/flow_header.hpp"
#include "core/receiver.hpp"
#include "core/sequence_ledger.hpp"

#include <netinet/in.h>

#include <chrono>
#include <cstdint>
#include <optional>

namespace pagewire::core {

/// The receiving end of the UDP wire's closed loop (core/flow_header.hpp), whatever brings the
/// datagrams: notes what arrived, grants credit, answers probes and the finish, keeps the counters.
///
///     for each datagram of a batch: take(), and where it says kData the caller verifies it
///     after each batch, an empty one too: end_batch()
///
/// One flow; FlowGroup has the several of one stream. Not for two threads.
class FlowReception {
  public:
    /// `socket`: an open UDP socket, by which answers go to the sender; it outlives this.
    /// `window`: datagrams that may be on the way at once, at least 1.
    FlowReception(const ReceiveOrder& order, int socket, std::uint64_t window);

    enum class Taken : std::uint8_t {
        kData,    ///< payload of the stream, to be verified; perhaps not for the first time
        kControl, ///< dealt with
        kForeign, ///< counted; nothing else is to be done with it
    };

    /// A datagram's header, or nothing where it has none. `sender`: where answers go; null where
    /// the datagram did not come through the socket, so that only data is expected.
    [[nodiscard]] Taken take(const std::optional<FlowHeader>& header, const sockaddr_in* sender);

    /// Tells the sender the end when all has come, or nothing more has for a while after its
    /// finish; until then renews its credit. `any`: the batch had datagrams.
    void end_batch(bool any);

    /// What arrived until now, with the counters `datagrams`, `datagrams_duplicate`, `_reordered`,
    /// `_foreign`, `_lost` and `credit_window`.
    [[nodiscard]] ReceiveReport report() const;

  private:
    using Clock = std::chrono::steady_clock;

    [[nodiscard]] Taken take_data(const FlowHeader& header);
    void renew_credit();
    void grant(std::uint64_t limit);
    void check_end();
    void tell_done() const;
    void answer(const FlowHeader& header) const;

    std::uint32_t flow_;
    int socket_;
    std::uint64_t window_;
    SequenceLedger arrivals_;
    std::uint64_t granted_ = 0;
    std::uint64_t num_foreign_ = 0;
    std::uint64_t bytes_received_ = 0;
    std::optional<std::uint64_t> num_sent_;
    std::optional<sockaddr_in> sender_;
    Clock::time_point last_arrival_{};
    std::uint64_t quiet_ns_ = 0;
    bool complete_ = false;
};

} // namespace pagewire::core
