// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/messages.hpp"
#include "testbed/perf_counters.hpp"

#include <chrono>

namespace pagewire::testbed {

/// /proc/stat counts in ticks of 10 ms, and what a process does before and after a transfer is
/// small beside a long one only: CPU time says nothing of what took less than this.
inline constexpr std::chrono::nanoseconds kCpuWindow = std::chrono::milliseconds(100);

/// What a transfer costs its own process and the machine, as the kernel counts it: getrusage(2),
/// /proc/self/io (task I/O accounting), /proc/stat, and the processor's own counters. Started last
/// thing before, stopped first thing after the transfer; reading the counters lies outside the
/// elapsed time.
class UsageMeter {
  public:
    void start();
    [[nodiscard]] WorkerFigures stop();

  private:
    PerfCounters pmu_;
    WorkerFigures at_start_;
    std::chrono::steady_clock::time_point started_;
};

/// User and system seconds of this process so far.
struct ProcessCpu {
    double user_s = 0;
    double system_s = 0;
};

[[nodiscard]] ProcessCpu process_cpu();

} // namespace pagewire::testbed
