// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>
#include <cstdint>

namespace pagewire::dataplane {

/// Open-loop pacing: how many payload bytes may have been sent by now. A sender that falls behind
/// catches up by at most kBurst of time, so that a pause does not become a burst that no receiver
/// could take.
class Pacer {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::microseconds kBurst{500};

    /// `rate_gbps` 0: no limit.
    explicit Pacer(double rate_gbps, Clock::time_point start)
        : bytes_per_ns_(rate_gbps / 8.0),
          start_(start)
    {}

    [[nodiscard]] bool may_send(std::uint64_t bytes_sent, Clock::time_point now) noexcept
    {
        if (bytes_per_ns_ == 0)
            return true;
        const auto due = start_ + std::chrono::nanoseconds(static_cast<std::int64_t>(
                                      static_cast<double>(bytes_sent) / bytes_per_ns_));
        if (now - due > kBurst)
            start_ += now - due - kBurst;
        return now >= due;
    }

  private:
    double bytes_per_ns_;
    Clock::time_point start_;
};

} // namespace pagewire::dataplane
