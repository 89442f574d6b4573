// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/worker.hpp"

#include "core/error.hpp"
#include "testbed/ledger/mark.hpp"
#include "testbed/messages.hpp"
#include "testbed/usage_meter.hpp"

#include <fmt/format.h>

#include <atomic>
#include <csignal>

namespace pagewire::testbed {

namespace {

std::atomic<bool> cancelled{false};
static_assert(std::atomic<bool>::is_always_lock_free, "written by a signal handler");

void cancel_on_sigterm()
{
    struct sigaction action {};

    action.sa_handler = [](int) { cancelled.store(true, std::memory_order_relaxed); };
    // No SA_RESTART: a call that blocks returns, and its loop asks the watch.
    core::checked(::sigaction(SIGTERM, &action, nullptr), "sigaction", "SIGTERM");
}

class WorkerWatch final : public core::TransferWatch {
  public:
    WorkerWatch(const TransferRequest& request, Channel& channel)
        : time_limit_(request.time_limit),
          deadline_(Clock::now() + time_limit_),
          token_(request.ledger_token),
          pause_(request.pause),
          channel_(channel)
    {}

    void begin() override
    {
        if (pause_) {
            wait_for_go();
            deadline_ = Clock::now() + time_limit_;
        }
        meter_.start();
        mark(token_, LEDGER_MARK_BEGIN);
    }

    void sent() override { mark(token_, LEDGER_MARK_SENT); }

    void acknowledged() override
    {
        figures_ = meter_.stop();
        mark(token_, LEDGER_MARK_DONE);
    }

    void check() const override
    {
        if (cancelled.load(std::memory_order_relaxed))
            throw core::TransferError("cancelled");
        if (Clock::now() > deadline_)
            throw core::TransferError(
                fmt::format("not done within the time limit of {} s",
                            std::chrono::duration<double>(time_limit_).count()));
    }

    [[nodiscard]] const WorkerFigures& figures() const noexcept { return figures_; }

  private:
    using Clock = std::chrono::steady_clock;

    /// Everything is set up; somebody wants to look at it first.
    void wait_for_go()
    {
        channel_.send(nlohmann::json{{"type", "paused"}});
        for (;;) {
            if (cancelled.load(std::memory_order_relaxed))
                throw core::TransferError("cancelled");
            const auto message = channel_.receive(kMaxWait);
            if (message && message->type() != "go")
                throw core::UsageError(
                    fmt::format("a paused worker waits for 'go', not '{}'", message->type()));
            if (message)
                return;
        }
    }

    std::chrono::milliseconds time_limit_;
    Clock::time_point deadline_;
    std::uint64_t token_;
    bool pause_;
    Channel& channel_;
    UsageMeter meter_;
    WorkerFigures figures_;
};

TransferNote transfer(const TransferRequest& request, Channel& channel, const MethodFinder& find)
{
    TransferNote note;
    try {
        const core::Method* method = find(request.method);
        if (method == nullptr)
            throw core::UsageError(fmt::format("this build has no method '{}'", request.method));
        WorkerWatch watch(request, channel);
        if (request.answer && method->answer == nullptr)
            throw core::UsageError(fmt::format("{} answers no requests", request.method));
        note.report = (request.answer ? method->answer : method->run)(request.job, watch);
        note.figures = watch.figures();
    } catch (const std::exception& error) {
        note.error = error.what();
    }
    return note;
}

} // namespace

int run_worker(Channel channel, const MethodFinder& find)
{
    cancel_on_sigterm();
    try {
        std::optional<Message> message;
        while (!message && !cancelled.load(std::memory_order_relaxed))
            message = channel.receive(std::chrono::seconds(1));
        if (!message)
            return 0;
        if (message->type() != "transfer")
            throw core::UsageError(
                fmt::format("a worker takes a transfer, not '{}'", message->type()));
        channel.send(
            nlohmann::json(transfer(read_message<TransferRequest>(*message), channel, find)));
        return 0;
    } catch (const ChannelClosed&) {
        return 0; // the testbed has gone: there is nobody to tell
    }
}

} // namespace pagewire::testbed
