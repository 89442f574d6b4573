// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/bottleneck.hpp"

#include <gtest/gtest.h>

namespace pagewire::testbed {
namespace {

core::Method named(std::string_view name, core::Wire wire = core::Wire::kTcp)
{
    core::Method method;
    method.name = name;
    method.wire = wire;
    return method;
}

const core::Method kMethod = named("some");

/// One second at 8 Gb/s, with so much CPU spent on it.
struct Spent {
    double worker_s = 0;
    double sink_s = 0;
    double softirq_s = 0;
};

Row row(const Spent& spent, CacheState cache = CacheState::kHot)
{
    Sample sample;
    sample.goodput_gbps = 8;
    sample.worker.figures.elapsed_ns = 1'000'000'000;
    sample.worker.figures.cpu_user_s = spent.worker_s / 4;
    sample.worker.figures.cpu_system_s = spent.worker_s * 3 / 4;
    sample.worker.figures.system.softirq_s = spent.softirq_s;
    sample.sink.cpu_system_s = spent.sink_s;
    Row made;
    made.method = &kMethod;
    made.cache = cache;
    made.conditions.file_bytes = 1;
    made.samples = {sample};
    return made;
}

MeasuredCeiling disk(double gbps)
{
    MeasuredCeiling ceiling;
    ceiling.is_disk = true;
    ceiling.conditions.file_bytes = 1;
    ceiling.gbps = gbps;
    return ceiling;
}

Limit limit_of(const Row& row, const Ceilings& ceilings = {})
{
    return bottleneck(row, ceilings).value().limit;
}

TEST(Bottleneck, IsTheBusiestCpuFrom85PercentOn)
{
    EXPECT_EQ(limit_of(row({.worker_s = 0.97, .sink_s = 0.5})), Limit::kWorkerCpu);
    EXPECT_EQ(limit_of(row({.worker_s = 0.9, .sink_s = 0.99})), Limit::kReceiverCpu);
    EXPECT_EQ(limit_of(row({.worker_s = 0.3, .sink_s = 0.5, .softirq_s = 0.95})),
              Limit::kSoftirqCpu);
    EXPECT_EQ(bottleneck(row({.worker_s = 0.97, .sink_s = 0.5}), {})->sentence,
              "the worker's CPU: busy 97 % of the time");
}

TEST(Bottleneck, AMeasuredRateComesBeforeABusyCpu)
{
    Ceilings ceilings;
    ceilings.measured = {disk(8.4)};
    const Row cold = row({.worker_s = 1}, CacheState::kCold);
    EXPECT_EQ(limit_of(cold, ceilings), Limit::kDisk);
    EXPECT_EQ(bottleneck(cold, ceilings)->sentence,
              "the disk: 95 % of what direct reads of the file reached");
    // A hot file is not read from the disk, and another file's ceiling says nothing.
    EXPECT_EQ(limit_of(row({.worker_s = 1}), ceilings), Limit::kWorkerCpu);
    ceilings.measured.front().conditions.file_bytes = 2;
    EXPECT_EQ(limit_of(cold, ceilings), Limit::kWorkerCpu);
}

TEST(Bottleneck, NothingAtItsLimitIsSaidWithTheNearest)
{
    Ceilings ceilings;
    ceilings.memcpy_gbps = 80;
    const auto found = bottleneck(row({.worker_s = 0.5, .sink_s = 0.6}), ceilings);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->limit, Limit::kNone);
    EXPECT_EQ(found->sentence, "nothing stood at its limit; nearest was the receiver: its CPU "
                               "time is 60 % of the transfer's");
}

TEST(Bottleneck, WorkersOfSeveralQueuesShareTheLoad)
{
    Row two = row({.worker_s = 1});
    two.samples[0].worker.report.queues.resize(2);
    EXPECT_EQ(limit_of(two), Limit::kNone);
}

TEST(Bottleneck, OfATransferTooShortForItsCpuTimeNothingIsSaid)
{
    Row brief = row({.worker_s = 0.02, .sink_s = 0.05});
    brief.samples[0].worker.figures.elapsed_ns = 20'000'000; // 250 % of it
    EXPECT_FALSE(bottleneck(brief, {}));
    Ceilings ceilings;
    ceilings.measured = {disk(80)};
    brief.cache = CacheState::kCold;
    EXPECT_FALSE(bottleneck(brief, ceilings)); // 10 % of the disk: and of the CPUs nobody knows
    ceilings.measured = {disk(8)};
    EXPECT_EQ(limit_of(brief, ceilings), Limit::kDisk);
}

TEST(Bottleneck, ARowWithoutAGoodTransferHasNone)
{
    Row failed = row({.worker_s = 1});
    failed.samples[0].error = "lost";
    EXPECT_FALSE(bottleneck(failed, {}));
}

} // namespace
} // namespace pagewire::testbed
