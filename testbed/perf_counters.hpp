// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::testbed {

/// One event of perf_event_open(2): `type` and `config` as there.
struct PerfEvent {
    std::string_view name;
    std::uint32_t type = 0;
    std::uint64_t config = 0;
};

/// Cycles, instructions and last-level-cache misses of the calling thread, kernel included: where
/// the machine has a PMU and lets us read it.
class PerfCounters {
  public:
    /// Never throws; reason() says why there are none. All events or none.
    explicit PerfCounters(std::span<const PerfEvent> events = default_events());

    /// Empty where every event is counted.
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

    /// Once.
    void start() noexcept;

    /// Counts since start(), by name. Events that shared a counter with others are scaled up to the
    /// whole time (perf_event_open(2), PERF_FORMAT_TOTAL_TIME_RUNNING).
    [[nodiscard]] std::map<std::string, std::uint64_t> stop();

    [[nodiscard]] static std::span<const PerfEvent> default_events();

  private:
    struct Counter {
        std::string_view name;
        core::UniqueFd fd;
    };

    std::vector<Counter> counters_;
    std::string reason_;
};

} // namespace pagewire::testbed
