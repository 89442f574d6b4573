// SPDX-License-Identifier: BSD-3-Clause
// The latency arm over veth: what is counted, that it is verified, and that what goes wrong is
// found. The worker is this program, so that a method may lie.
#include "kernelpath/range_sender.hpp"
#include "testbed/child_process.hpp"
#include "testbed/experiment.hpp"
#include "testbed/latency/latency.hpp"
#include "testbed/registry.hpp"
#include "testbed/sink.hpp"
#include "testbed/worker.hpp"
#include "tests/lab/lab_transfers.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

namespace pagewire::testbed {
namespace {

using core::kKiB;
using core::kMiB;
using testing::HasSubstr;
using tests::never_interrupted;

// ---- Methods that answer wrongly ---------------------------------------------------------------

enum class Lie : std::uint8_t { kSpoiledByte, kShort, kTooMuch, kNextBlock, kNothing };

/// Answers by read and write, but for the answer to one request.
template<Lie lie>
class Liar final : public kernelpath::RangeSender {
  public:
    explicit Liar(const core::TransferJob& job) : job_(job), file_(kernelpath::open_source(job)) {}

    void send(const core::ByteRange& range, kernelpath::TcpStream& stream,
              core::TransferReport&) override
    {
        constexpr int liar_at = 40; // behind the warm-ups
        const bool lies = ++num_requests_ == liar_at;
        const std::uint64_t offset = lies && lie == Lie::kNextBlock
                                         ? job_.range.offset // of another range than asked for
                                         : range.offset;
        std::vector<std::byte> data(range.length);
        core::checked(::pread(file_.get(), data.data(), data.size(), static_cast<off_t>(offset)),
                      "pread");
        if (lies && lie == Lie::kSpoiledByte)
            data.at(data.size() - 1) ^= std::byte{1};
        if (lies && lie == Lie::kNothing) {
            for (;;) {
                stream.check();
                ::usleep(10'000);
            }
        }
        stream.write_all(data);
        if (lies && lie == Lie::kTooMuch)
            stream.write_all(std::array{std::byte{7}});
        if (lies && lie == Lie::kShort)
            throw core::TransferError("it had enough");
    }

  private:
    const core::TransferJob& job_;
    core::UniqueFd file_;
    int num_requests_ = 0;
};

template<Lie lie>
constexpr core::Method liar(std::string_view name)
{
    return {.name = name,
            .summary = "a liar for tests",
            .family = core::Family::kKernelPath,
            .wire = core::Wire::kTcp,
            .needs = {},
            .textbook = {},
            .probe = [] { return core::Support::available(); },
            .run = nullptr,
            .answer = kernelpath::answer_with<Liar<lie>>};
}

const core::Method spoils_a_byte = liar<Lie::kSpoiledByte>("spoils_a_byte");
const core::Method ends_early = liar<Lie::kShort>("ends_early");
const core::Method sends_too_much = liar<Lie::kTooMuch>("sends_too_much");
const core::Method answers_another = liar<Lie::kNextBlock>("answers_another");
const core::Method falls_silent = liar<Lie::kNothing>("falls_silent");

const core::Method* find_liar(std::string_view name)
{
    for (const core::Method* method :
         {&spoils_a_byte, &ends_early, &sends_too_much, &answers_another, &falls_silent}) {
        if (method->name == name)
            return method;
    }
    return find_method(name);
}

// ---- Whole arms --------------------------------------------------------------------------------

class LatencyArm : public tests::LabTransfers {
  protected:
    LatencyArm() : LabTransfers(4 * kMiB + 5)
    {
        plan_.methods = {"read_write", "sendfile_sg"};
        plan_.cache = {CacheState::kHot};
        plan_.rounds = 2;
        plan_.time_limit = std::chrono::seconds(20);
        plan_.latency =
            LatencyPlan{.sizes = {4 * kKiB, 64 * kKiB}, .outstanding = {1, 4}, .requests = 101};
    }

    std::vector<LatencyRow> measure(
        const std::atomic<bool>& interrupted = never_interrupted,
        const LatencyProgress& progress = [](const LatencyTurn&) {})
    {
        return measure_latency({plan_, source_, *lab_, runner_}, interrupted, progress);
    }

    Burst ask(const core::Method& method, std::uint64_t bytes = 4 * kKiB,
              std::uint32_t outstanding = 1)
    {
        AskRequest request;
        request.request_bytes = bytes;
        request.outstanding = outstanding;
        request.num_warmups = 32;
        request.num_requests = 100;
        request.seed = 3;
        return runner_
            .ask({.method = &method, .cache = CacheState::kHot, .arm = {}, .features = {}}, request)
            .value();
    }
};

void expect_ordered(const LatencyHistogram& histogram)
{
    std::uint64_t last = histogram.min();
    EXPECT_GT(last, 0U);
    for (const std::uint64_t quantile : {50'000U, 90'000U, 99'000U, 99'900U, 100'000U}) {
        EXPECT_GE(histogram.quantile(quantile), last);
        last = histogram.quantile(quantile);
    }
    EXPECT_EQ(last, histogram.max());
}

TEST_F(LatencyArm, CountsEveryRequestAndVerifiesEveryAnswer)
{
    const std::vector<LatencyRow> rows = measure();
    ASSERT_EQ(rows.size(), 8U);
    for (const LatencyRow& row : rows) {
        EXPECT_EQ(row.status(), "ok") << row.reason();
        EXPECT_EQ(row.num_bursts, 2U);
        EXPECT_EQ(row.histogram.count(), 101U);
        // Of each burst, the pipe's first fill is in the rate and not in the histogram.
        const std::uint64_t filling = row.outstanding > 1 ? row.outstanding : 0;
        EXPECT_EQ(row.num_answered, 101 + 2 * filling);
        EXPECT_TRUE(row.verified);
        EXPECT_EQ(row.blocks_bad, 0U);
        EXPECT_EQ(row.blocks_good,
                  (row.num_answered + 2 * kLatencyWarmups) * row.file_bytes / 4096);
        expect_ordered(row.histogram);
        // One after the other they cannot have taken less time than all together.
        if (row.outstanding == 1) {
            EXPECT_LE(row.histogram.max(), static_cast<std::uint64_t>(row.elapsed_ns));
        }
    }
}

TEST_F(LatencyArm, ColdAsksForEachRangeOnceAndSaysHowOften)
{
    plan_.methods = {"mmap_write"};
    plan_.cache = {CacheState::kCold};
    plan_.latency =
        LatencyPlan{.sizes = {64 * kKiB, kMiB}, .outstanding = {1, 8}, .requests = 1000};
    plan_.rounds = 1;
    const std::vector<LatencyRow> rows = measure();
    ASSERT_EQ(rows.size(), 4U);
    // 4 MiB hold 63 ranges of 64 KiB wherever the first one lies, and one more at most; one is for
    // the warm-ups.
    EXPECT_EQ(rows[0].status(), "ok") << rows[0].reason();
    EXPECT_GE(rows[0].histogram.count(), 62U);
    EXPECT_LE(rows[0].histogram.count(), 63U);
    EXPECT_EQ(rows[1].status(), "ok") << rows[1].reason();
    EXPECT_LE(rows[1].histogram.count(), 63U - 8U);
    EXPECT_GT(rows[1].histogram.count(), 0U);
    EXPECT_EQ(rows[2].status(), "ok") << rows[2].reason();
    EXPECT_EQ(rows[3].status(), "skipped");
    EXPECT_THAT(rows[3].reason(), HasSubstr("room for 3 requests of 1 MiB that do not overlap"));
}

TEST_F(LatencyArm, WhatCannotAnswerIsSkippedWithTheReason)
{
    plan_.methods = {"null", "read_write"};
    plan_.latency = LatencyPlan{.sizes = {4 * kKiB}, .outstanding = {1}, .requests = 1};
    const std::vector<LatencyRow> rows = measure();
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].status(), "skipped");
    EXPECT_THAT(rows[0].reason(), HasSubstr("answers no requests"));
    EXPECT_EQ(rows[1].status(), "ok") << rows[1].reason();
    EXPECT_EQ(rows[1].histogram.count(), 1U);
}

TEST_F(LatencyArm, InterruptedBeforeItsFirstRequestIsASkip)
{
    const std::atomic<bool> interrupted{true};
    for (const LatencyRow& row : measure(interrupted)) {
        EXPECT_EQ(row.status(), "skipped");
        EXPECT_EQ(row.reason(), "interrupted before its first request");
    }
}

TEST_F(LatencyArm, InterruptedLaterKeepsWhatWasMeasured)
{
    std::atomic<bool> interrupted{false};
    unsigned num_begun = 0;
    const std::vector<LatencyRow> rows = measure(interrupted, [&](const LatencyTurn& turn) {
        EXPECT_EQ(turn.num_total, 16U);
        interrupted = ++num_begun == 6;
    });
    unsigned num_bursts = 0;
    for (const LatencyRow& row : rows) {
        num_bursts += row.num_bursts;
        EXPECT_EQ(row.status(), row.num_bursts == 0 ? "skipped" : "ok") << row.reason();
        EXPECT_EQ(row.histogram.count() > 0, row.num_bursts > 0);
    }
    EXPECT_EQ(num_begun, 6U);
    EXPECT_EQ(num_bursts, 6U);
}

TEST_F(LatencyArm, LongRowsAreCutIntoMoreRounds)
{
    plan_.methods = {"sendfile_sg"};
    plan_.rounds = 1;
    plan_.latency = LatencyPlan{.sizes = {4 * kKiB}, .outstanding = {8}, .requests = 4001};
    const std::vector<LatencyRow> rows = measure();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].status(), "ok") << rows[0].reason();
    EXPECT_EQ(rows[0].num_bursts, 3U);
    EXPECT_EQ(rows[0].histogram.count(), 4001U);
}

TEST_F(LatencyArm, UnverifiedSaysSo)
{
    plan_.verify = false;
    const Burst burst = ask(spoils_a_byte);
    EXPECT_EQ(burst.error, "");
    EXPECT_FALSE(burst.client.verified);
    EXPECT_EQ(burst.client.blocks_good + burst.client.blocks_bad, 0U);
}

// ---- What goes wrong ---------------------------------------------------------------------------

TEST_F(LatencyArm, SpoiledByteIsFound)
{
    for (const std::uint32_t outstanding : {1U, 8U}) {
        const Burst burst = ask(spoils_a_byte, 8 * kKiB, outstanding);
        EXPECT_THAT(burst.error, HasSubstr("1 corrupt blocks of 4 KiB at the client"));
        EXPECT_EQ(burst.client.blocks_bad, 1U);
        EXPECT_GE(burst.client.first_bad_block, 0);
    }
}

TEST_F(LatencyArm, AnotherRangesBytesAreFound)
{
    EXPECT_THAT(ask(answers_another).error, HasSubstr("corrupt blocks"));
}

TEST_F(LatencyArm, SurplusByteIsFound)
{
    // Behind it every answer is one byte late: most blocks are bad, and a byte is left over.
    EXPECT_THAT(ask(sends_too_much).error, HasSubstr("more than it was asked for"));
}

TEST_F(LatencyArm, WorkerThatEndsEarlyFailsTheBurstAndTheNextOneIsWhole)
{
    EXPECT_THAT(ask(ends_early, 4 * kKiB, 8).error, HasSubstr("it had enough"));
    EXPECT_EQ(ask(*find_method("read_write")).error, "");
}

TEST_F(LatencyArm, WorkerThatFallsSilentEndsAtTheTimeLimit)
{
    plan_.time_limit = std::chrono::seconds(1);
    EXPECT_THAT(ask(falls_silent).error, HasSubstr("not done within the time limit of 1 s"));
    EXPECT_EQ(ask(*find_method("sendfile_sg")).error, "");
}

TEST_F(LatencyArm, MethodThatAnswersNothingFailsTheBurst)
{
    EXPECT_THAT(ask(*find_method("null")).error, HasSubstr("null answers no requests"));
}

} // namespace
} // namespace pagewire::testbed

int main(int argc, char** argv)
{
    using namespace pagewire;
    const std::string_view command = argc > 1 ? argv[1] : "";
    if (command == "worker" || command == "sink") {
        testbed::Channel channel{core::UniqueFd(testbed::ChildProcess::kControlFd)};
        if (command == "worker")
            return testbed::run_worker(std::move(channel), testbed::find_liar);
        testbed::serve_sink(channel);
        return 0;
    }
    ::unsetenv("PAGEWIRE_EXE");
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
