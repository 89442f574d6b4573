// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/queue_threads.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace pagewire::dataplane {

namespace {

using Clock = std::chrono::steady_clock;

/// Where the threads of one transfer wait for each other, and learn of each other's failure.
class Meeting {
  public:
    Meeting(core::TransferWatch& watch, std::size_t num_threads)
        : watch_(watch),
          num_threads_(num_threads)
    {}

    /// Comes back when all threads have come here and the first has done `act`. Throws
    /// TransferError as check() does.
    void meet(std::uint32_t index, void (core::TransferWatch::*act)())
    {
        std::unique_lock lock(mutex_);
        if (index == 0) {
            wait(lock, [this] { return num_arrived_ + 1 == num_threads_; });
            (watch_.*act)();
            num_arrived_ = 0;
            ++num_meetings_;
        } else {
            ++num_arrived_;
            changed_.notify_all();
            wait(lock, [this, now = num_meetings_] { return num_meetings_ != now; });
        }
        changed_.notify_all();
    }

    /// Each turn of each loop asks: without the lock.
    void check() const
    {
        if (failed_.load(std::memory_order_acquire))
            throw core::TransferError("another queue of the transfer has failed");
        watch_.check();
    }

    /// Keeps the first; later ones follow from it.
    void fail(std::exception_ptr error)
    {
        const std::lock_guard lock(mutex_);
        if (!error_)
            error_ = std::move(error);
        failed_.store(true, std::memory_order_release);
        changed_.notify_all();
    }

    [[nodiscard]] std::exception_ptr error()
    {
        const std::lock_guard lock(mutex_);
        return error_;
    }

  private:
    template<typename Condition>
    void wait(std::unique_lock<std::mutex>& lock, Condition condition)
    {
        check();
        while (!changed_.wait_for(lock, core::TransferWatch::kMaxWait, condition))
            check();
    }

    core::TransferWatch& watch_;
    std::size_t num_threads_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t num_arrived_ = 0; // of the threads but the first
    unsigned num_meetings_ = 0;
    std::exception_ptr error_;
    std::atomic<bool> failed_ = false; // error_ is there
};

/// One thread's view of the transfer.
class QueueWatch final : public core::TransferWatch {
  public:
    QueueWatch(Meeting& meeting, std::uint32_t index) : meeting_(meeting), index_(index) {}

    void begin() override
    {
        meeting_.meet(index_, &TransferWatch::begin);
        begun_ = Clock::now();
    }

    void sent() override
    {
        elapsed_ = Clock::now() - begun_; // its own: from here on it waits for the others
        meeting_.meet(index_, &TransferWatch::sent);
    }

    void acknowledged() override { meeting_.meet(index_, &TransferWatch::acknowledged); }

    void check() const override { meeting_.check(); }

    [[nodiscard]] std::chrono::nanoseconds elapsed() const noexcept { return elapsed_; }

  private:
    Meeting& meeting_;
    std::uint32_t index_;
    Clock::time_point begun_{};
    Clock::duration elapsed_{};
};

void pin_this_thread(int cpu)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(static_cast<std::size_t>(cpu), &cpus);
    core::checked(::sched_setaffinity(0, sizeof(cpus), &cpus), "sched_setaffinity",
                  fmt::format("CPU {}", cpu));
}

/// One queue of the transfer: what it is to do, with what, and what came of it.
struct QueueTask {
    core::TransferJob job;
    std::unique_ptr<Engine> engine;
    core::TransferReport report;
    core::QueueReport figures;
};

void run_queue(QueueTask& task, std::uint32_t index, Meeting& meeting) noexcept
{
    try {
        if (task.figures.cpu >= 0)
            pin_this_thread(task.figures.cpu);
        QueueWatch watch(meeting, index);
        task.report =
            send_through_engine(task.job, watch, [&task] { return std::move(task.engine); });
        task.figures.bytes_sent = task.report.bytes_sent;
        task.figures.packets = task.report.num_turns;
        task.figures.elapsed = watch.elapsed();
    } catch (...) {
        meeting.fail(std::current_exception());
    }
}

core::TransferReport merge(const std::vector<QueueTask>& tasks)
{
    core::TransferReport all = tasks.front().report;
    all.queues.push_back(tasks.front().figures);
    for (std::size_t i = 1; i < tasks.size(); ++i) {
        const core::TransferReport& one = tasks[i].report;
        all.bytes_sent += one.bytes_sent;
        all.num_turns += one.num_turns;
        all.quiet = std::max(all.quiet, one.quiet);
        for (const auto& [name, value] : one.counters)
            all.counters[name] += value;
        all.queues.push_back(tasks[i].figures);
    }
    return all;
}

} // namespace

core::TransferReport send_through_queues(const core::TransferJob& job, core::TransferWatch& watch,
                                         const OpenEngine& open_engine)
{
    const std::vector<core::TransferJob> parts = split_by_queue(job);
    if (parts.size() == 1) {
        return send_through_engine(parts.front(), watch,
                                   [&] { return open_engine(parts.front(), 0); });
    }
    std::vector<QueueTask> tasks(parts.size());
    for (std::uint32_t i = 0; i < tasks.size(); ++i) {
        const std::vector<int>& cpus = job.dataplane.cpus;
        tasks[i].job = parts[i];
        tasks[i].engine = open_engine(parts[i], i);
        tasks[i].figures = {.queue = parts[i].dataplane.queue,
                            .cpu = cpus.empty() ? -1 : cpus[i % cpus.size()]};
    }
    Meeting meeting(watch, tasks.size());
    {
        std::vector<std::jthread> threads;
        try {
            for (std::uint32_t i = 1; i < tasks.size(); ++i)
                threads.emplace_back([&, i] { run_queue(tasks[i], i, meeting); });
        } catch (const std::system_error& error) { // those that are there wait for all
            meeting.fail(std::make_exception_ptr(core::TransferError(
                fmt::format("pthread_create for queue {}: {}",
                            tasks[threads.size() + 1].figures.queue, error.code().message()))));
        }
        run_queue(tasks[0], 0, meeting);
    }
    if (const std::exception_ptr error = meeting.error())
        std::rethrow_exception(error);
    return merge(tasks);
}

} // namespace pagewire::dataplane
