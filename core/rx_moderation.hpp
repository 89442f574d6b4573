// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>

namespace pagewire::core {

/// Interrupt moderation for a receiver of datagrams, as a NIC's rx-usecs (ethtool(8), --coalesce).
///
/// Who sleeps in a socket is woken by the next packet, and it is the sender's CPU that does the
/// waking: a receiver a little faster than its sender sleeps after each datagram, and the sender
/// pays for each. While data flows, a drained receiver sleeps by the clock instead, and nobody
/// wakes it (docs/decisions/0006-sink-moderation.md has the figures).
///
///     for (;;) {
///         found = look(wait in the socket only where !moderation.is_flowing());
///         moderation.note(found);      // sleeps where nothing was found while data flows
///     }
class RxModeration {
  public:
    using Clock = std::chrono::steady_clock;

    /// One sleep. At 10 Gb/s 40 kB come meanwhile.
    static constexpr std::chrono::microseconds kMoment{30};
    /// After so long without a datagram none is expected soon.
    static constexpr std::chrono::microseconds kStill{2000};

    /// Makes the calling thread's sleeps as short as they are asked to be (PR_SET_TIMERSLACK).
    RxModeration() noexcept;

    [[nodiscard]] bool is_flowing() const noexcept { return flowing_; }

    /// `found`: the last look brought something.
    void note(bool found) noexcept;

  private:
    bool flowing_ = false;
    Clock::time_point last_found_{};
};

} // namespace pagewire::core
