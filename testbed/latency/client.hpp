// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/block_digests.hpp"
#include "core/receiver.hpp"
#include "core/unique_fd.hpp"
#include "testbed/latency/histogram.hpp"
#include "testbed/latency/range_draw.hpp"
#include "testbed/messages.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pagewire::testbed {

/// The receiving end of a burst of the latency arm: sends requests over one TCP connection, keeps
/// so many in flight, and takes each one's time from just before its send(2) to the return of the
/// recv(2) with its last byte.
///
/// Answers are verified between batches, when nothing is in flight, so that no answer waits while
/// another one is hashed:
///
///     send N | recv, count, send | ... | recv, count | verify the batch || send N | ...
///              the first N of a batch fill the pipe    outside all times
///
/// Where several are in flight, the first N of each batch do not count: fewer stood before them.
class LatencyClient {
  public:
    /// Listens from here on. `digests` are of the stream; unused where the request says not to
    /// verify. Throws UsageError (a request that cannot be), SystemError.
    LatencyClient(const AskRequest& request, const core::BlockDigests& digests);

    [[nodiscard]] std::uint16_t port() const;

    /// Waits for the worker's connection, asks, and ends the connection. Whatever goes wrong is in
    /// AskedNote::error, beside what was measured until then. Every wait is bounded by
    /// core::TransferWatch::kMaxWait, and followed by stop.stop_now().
    [[nodiscard]] AskedNote run(core::ReceiveStop& stop);

  private:
    using Clock = std::chrono::steady_clock;

    void accept_one(core::ReceiveStop& stop);
    void ask_all(core::ReceiveStop& stop, AskedNote& note);
    void warm_up(core::ReceiveStop& stop, AskedNote& note);
    /// One batch of requests for the blocks in first_blocks_. Their latencies, in order, in
    /// latencies_.
    std::chrono::nanoseconds run_batch(core::ReceiveStop& stop);
    void send_request(std::uint64_t first_block);
    void receive_answer(std::span<std::byte> answer, core::ReceiveStop& stop);
    void verify_batch(AskedNote& note) const;
    void end_connection(core::ReceiveStop& stop);
    [[nodiscard]] std::span<std::byte> answer(std::size_t place) noexcept;

    const AskRequest request_;
    const core::BlockDigests& digests_;
    RangeDraw draw_;
    LatencyHistogram histogram_;
    std::vector<std::byte> answers_; // of a batch
    std::vector<std::uint64_t> first_blocks_;
    std::vector<Clock::time_point> sent_at_;
    std::vector<std::uint64_t> latencies_;
    core::UniqueFd listener_;
    core::UniqueFd connection_;
};

} // namespace pagewire::testbed
