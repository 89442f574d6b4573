// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/rate.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace pagewire::core {

/// Open-loop pacing: how many payload bytes, or how many packets, may have been sent by now. A
/// sender that falls behind catches up by at most kBurst of time, so that a pause does not become a
/// burst that no receiver could take.
class Pacer {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::microseconds kBurst{500};

    /// What has gone out so far.
    struct Sent {
        std::uint64_t bytes = 0;
        std::uint64_t packets = 0;
    };

    explicit Pacer(const Rate& rate, Clock::time_point start)
        : ns_per_byte_(rate.gbps > 0 ? 8.0 / rate.gbps : 0),
          ns_per_packet_(rate.packets_per_s > 0 ? 1e9 / rate.packets_per_s : 0),
          start_(start)
    {}

    /// Whether the next packet's time has come.
    [[nodiscard]] bool may_send(const Sent& sent, Clock::time_point now) noexcept
    {
        if (ns_per_byte_ == 0 && ns_per_packet_ == 0)
            return true;
        const double after_ns = static_cast<double>(sent.bytes) * ns_per_byte_ +
                                static_cast<double>(sent.packets) * ns_per_packet_;
        const auto due = start_ + std::chrono::nanoseconds(
                                      static_cast<std::int64_t>(std::min(after_ns, kNeverNs)));
        if (now - due > kBurst)
            start_ += now - due - kBurst;
        return now >= due;
    }

  private:
    static constexpr double kNeverNs = 1e18; // 31 years: a rate as slow as that must not overflow

    double ns_per_byte_;   // 0: bytes do not count
    double ns_per_packet_; // 0: packets do not count
    Clock::time_point start_;
};

} // namespace pagewire::core
