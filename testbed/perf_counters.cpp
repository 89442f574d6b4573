// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/perf_counters.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <fstream>

namespace pagewire::testbed {

namespace {

constexpr std::array kEvents{
    PerfEvent{"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    PerfEvent{"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    PerfEvent{"llc_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
};

/// perf_event_open(2), READ of a single event with both times.
struct Count {
    std::uint64_t value = 0;
    std::uint64_t time_enabled = 0;
    std::uint64_t time_running = 0;
};

core::UniqueFd open_event(const PerfEvent& event)
{
    perf_event_attr attributes{};
    attributes.size = sizeof(attributes);
    attributes.type = event.type;
    attributes.config = event.config;
    attributes.disabled = 1;
    attributes.exclude_hv = 1;
    attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    constexpr pid_t this_thread = 0;
    constexpr int any_cpu = -1;
    return core::UniqueFd(static_cast<int>(::syscall(SYS_perf_event_open, &attributes, this_thread,
                                                     any_cpu, -1, PERF_FLAG_FD_CLOEXEC)));
}

std::string refusal(std::string_view event, int error)
{
    switch (error) {
    case ENOENT:
    case EOPNOTSUPP:
    case ENODEV:
        return fmt::format("no PMU that counts {}", event);
    case EACCES:
    case EPERM: {
        std::ifstream file("/proc/sys/kernel/perf_event_paranoid");
        int level = 0;
        const bool known = static_cast<bool>(file >> level);
        return fmt::format("perf_event_open is not permitted{}: run as root, or with CAP_PERFMON",
                           known ? fmt::format(" (perf_event_paranoid is {})", level) : "");
    }
    default:
        return fmt::format("perf_event_open {}: {}", event, core::errno_text(error));
    }
}

} // namespace

std::span<const PerfEvent> PerfCounters::default_events()
{
    return kEvents;
}

PerfCounters::PerfCounters(std::span<const PerfEvent> events)
{
    for (const PerfEvent& event : events) {
        core::UniqueFd fd = open_event(event);
        if (!fd) {
            reason_ = refusal(event.name, errno);
            counters_.clear();
            return;
        }
        counters_.push_back({.name = event.name, .fd = std::move(fd)});
    }
}

void PerfCounters::start() noexcept
{
    for (const Counter& counter : counters_)
        (void)::ioctl(counter.fd.get(), PERF_EVENT_IOC_ENABLE, 0);
}

std::map<std::string, std::uint64_t> PerfCounters::stop()
{
    for (const Counter& counter : counters_)
        (void)::ioctl(counter.fd.get(), PERF_EVENT_IOC_DISABLE, 0);
    std::map<std::string, std::uint64_t> values;
    for (const Counter& counter : counters_) {
        Count count;
        if (::read(counter.fd.get(), &count, sizeof(count)) != sizeof(count) ||
            count.time_running == 0) {
            reason_ = fmt::format("the counter of {} never ran", counter.name);
            return {};
        }
        const double share =
            static_cast<double>(count.time_enabled) / static_cast<double>(count.time_running);
        values[std::string(counter.name)] =
            static_cast<std::uint64_t>(static_cast<double>(count.value) * share);
    }
    return values;
}

} // namespace pagewire::testbed
