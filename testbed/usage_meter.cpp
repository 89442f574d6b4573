// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/usage_meter.hpp"

#include "core/error.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>

namespace pagewire::testbed {

namespace {

double seconds(const timeval& time)
{
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

rusage usage_of_process()
{
    rusage usage{};
    core::checked(::getrusage(RUSAGE_SELF, &usage), "getrusage");
    return usage;
}

/// proc(5), /proc/stat: the first line, in ticks of user, nice, system, idle, iowait, irq, softirq,
/// steal.
SystemCpu read_system_cpu()
{
    std::ifstream stat("/proc/stat");
    std::string label;
    std::array<double, 8> ticks{};
    stat >> label;
    for (double& value : ticks)
        stat >> value;
    if (!stat)
        core::throw_error(EIO, "read", "/proc/stat");
    static const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
    constexpr std::size_t user = 0;
    constexpr std::size_t nice = 1;
    constexpr std::size_t system = 2;
    constexpr std::size_t idle = 3;
    constexpr std::size_t iowait = 4;
    constexpr std::size_t softirq = 6;
    SystemCpu cpu;
    for (std::size_t i = 0; i < ticks.size(); ++i)
        cpu.busy_s += i == idle || i == iowait ? 0.0 : ticks[i] / ticks_per_second;
    cpu.user_s = (ticks[user] + ticks[nice]) / ticks_per_second;
    cpu.system_s = ticks[system] / ticks_per_second;
    cpu.softirq_s = ticks[softirq] / ticks_per_second;
    return cpu;
}

/// proc(5), /proc/pid/io: bytes that this process caused to be fetched from the storage layer.
bool read_disk_bytes(std::uint64_t& bytes)
{
    std::ifstream io("/proc/self/io");
    for (std::string key; io >> key >> bytes;) {
        if (key == "read_bytes:")
            return true;
    }
    return false;
}

WorkerFigures figures_now()
{
    WorkerFigures now;
    now.system = read_system_cpu();
    now.has_disk_read_bytes = read_disk_bytes(now.disk_read_bytes);
    const rusage usage = usage_of_process();
    now.cpu_user_s = seconds(usage.ru_utime);
    now.cpu_system_s = seconds(usage.ru_stime);
    now.page_faults_minor = static_cast<std::uint64_t>(usage.ru_minflt);
    now.page_faults_major = static_cast<std::uint64_t>(usage.ru_majflt);
    now.context_switches_voluntary = static_cast<std::uint64_t>(usage.ru_nvcsw);
    now.context_switches_involuntary = static_cast<std::uint64_t>(usage.ru_nivcsw);
    return now;
}

} // namespace

void UsageMeter::start()
{
    at_start_ = figures_now();
    pmu_.start();
    started_ = std::chrono::steady_clock::now();
}

WorkerFigures UsageMeter::stop()
{
    const auto elapsed = std::chrono::steady_clock::now() - started_;
    auto pmu = pmu_.stop();
    WorkerFigures spent = figures_now();
    spent.pmu = std::move(pmu);
    spent.pmu_unavailable = pmu_.reason();
    spent.elapsed_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(elapsed).count();
    spent.system.busy_s -= at_start_.system.busy_s;
    spent.system.user_s -= at_start_.system.user_s;
    spent.system.system_s -= at_start_.system.system_s;
    spent.system.softirq_s -= at_start_.system.softirq_s;
    spent.disk_read_bytes -= at_start_.disk_read_bytes;
    spent.cpu_user_s -= at_start_.cpu_user_s;
    spent.cpu_system_s -= at_start_.cpu_system_s;
    spent.page_faults_minor -= at_start_.page_faults_minor;
    spent.page_faults_major -= at_start_.page_faults_major;
    spent.context_switches_voluntary -= at_start_.context_switches_voluntary;
    spent.context_switches_involuntary -= at_start_.context_switches_involuntary;
    return spent;
}

ProcessCpu process_cpu()
{
    const rusage usage = usage_of_process();
    return {.user_s = seconds(usage.ru_utime), .system_s = seconds(usage.ru_stime)};
}

} // namespace pagewire::testbed
