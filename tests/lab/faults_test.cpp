// SPDX-License-Identifier: BSD-3-Clause
// What goes wrong on the way must be seen at the sink, and what goes wrong with the conditions must
// fail the row.
#include "core/mapping.hpp"
#include "core/units.hpp"
#include "testbed/experiment.hpp"
#include "tests/lab/lab_transfers.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>

namespace pagewire::testbed {
namespace {

using testing::HasSubstr;

using tests::LabTransfers;
using tests::never_interrupted;
constexpr std::uint64_t kFileBytes = 4 * core::kMiB + 5;

Plan plan_for(const tests::SourceFile& file, const std::string& method)
{
    Plan plan;
    plan.path = file.path();
    plan.methods = {method};
    plan.cache = {CacheState::kCold};
    plan.rounds = 1;
    plan.ceilings = false;
    return plan;
}

Row run_one_row(const Plan& plan)
{
    RunResult result = run_experiment(plan, never_interrupted, [](const testbed::ProgressNote&) {});
    EXPECT_EQ(result.rows.size(), 1U);
    return std::move(result.rows.at(0));
}

/// Packets of 8192 bytes at MTU 9000: two blocks each.
Row run_with_fault(const std::string& fault)
{
    const tests::SourceFile file(kFileBytes);
    Plan plan = plan_for(file, "af_xdp");
    plan.dataplane.fault = fault;
    return run_one_row(plan);
}

TEST(DatagramFaults, FlippedBitIsOneBadBlockAndNamed)
{
    const Row row = run_with_fault("flip@7");
    EXPECT_EQ(row.status(), "failed");
    EXPECT_THAT(row.reason(),
                HasSubstr("1 corrupt blocks of 4 KiB at the sink, the first is block 15"));
    const ReceivedNote& sink = row.samples.at(0).sink;
    EXPECT_EQ(sink.blocks.bad, 1U);
    EXPECT_EQ(sink.blocks.missing, 0U);
}

TEST(DatagramFaults, DroppedDatagramIsCountedExactly)
{
    // The last of the 512 packets carries the file's last five bytes as well: a block more.
    for (const auto& [fault, num_blocks] :
         {std::pair{"drop@0", 2U}, {"drop@100", 2U}, {"drop@511", 3U}}) {
        const Row row = run_with_fault(fault);
        EXPECT_EQ(row.status(), "failed") << fault;
        const ReceivedNote& sink = row.samples.at(0).sink;
        EXPECT_EQ(sink.blocks.missing, num_blocks) << fault;
        EXPECT_EQ(sink.blocks.bad, 0U) << fault;
        EXPECT_EQ(sink.report.counters.at("datagrams_lost"), 1U) << fault;
    }
}

TEST(DatagramFaults, OneThatNeverCameToPassIsNoSuccess)
{
    const Row row = run_with_fault("flip@512");
    EXPECT_EQ(row.status(), "failed");
    EXPECT_THAT(row.reason(), HasSubstr("never came to pass: queue 0 sent 512 packets"));
}

TEST(DatagramFaults, DuplicateHarmsNothingAndIsSaid)
{
    const Row row = run_with_fault("duplicate@9");
    EXPECT_EQ(row.status(), "ok");
    EXPECT_THAT(row.reason(), HasSubstr("came twice: 1"));
    EXPECT_EQ(row.samples.at(0).sink.bytes_duplicate, 8192U);
}

TEST(DatagramFaults, ReorderingHarmsNothingAndIsSaid)
{
    const Row row = run_with_fault("reorder@3");
    EXPECT_EQ(row.status(), "ok");
    EXPECT_THAT(row.reason(), HasSubstr("out of order: 1"));
}

TEST(OpenLoop, LossIsCountedAndIsNoFailure)
{
    const tests::SourceFile file(kFileBytes);
    Plan plan = plan_for(file, "af_xdp");
    plan.dataplane.rate = {.gbps = 1};
    plan.dataplane.fault = "drop@100";
    const Row row = run_one_row(plan);
    EXPECT_EQ(row.status(), "ok") << row.reason();
    EXPECT_THAT(row.reason(), HasSubstr("open loop: 2 blocks lost in 1 datagrams"));
    EXPECT_EQ(row.samples.at(0).sink.report.counters.at("datagrams_lost"), 1U);
}

TEST(Unverified, IsLabelled)
{
    const tests::SourceFile file(kFileBytes);
    for (const char* method : {"read_write", "af_xdp"}) {
        Plan plan = plan_for(file, method);
        plan.verify = false;
        const Row row = run_one_row(plan);
        EXPECT_EQ(row.status(), "ok") << row.reason();
        EXPECT_THAT(row.reason(), HasSubstr("not verified"));
        EXPECT_FALSE(row.samples.at(0).sink.verified);
    }
}

TEST(Unverified, LossIsAFailureAllTheSame)
{
    const tests::SourceFile file(kFileBytes);
    Plan plan = plan_for(file, "af_xdp");
    plan.verify = false;
    plan.dataplane.fault = "drop@7";
    const Row row = run_one_row(plan);
    EXPECT_EQ(row.status(), "failed");
    EXPECT_THAT(row.reason(), HasSubstr("1 datagrams never reached the sink"));
}

TEST_F(LabTransfers, FeaturesComeBackAfterAFailedRow)
{
    const nic::FeatureTable before = lab_->features();
    const nic::FeatureSettings off{{"tx-scatter-gather", false},
                                   {"tx-tcp-segmentation", false},
                                   {"tx-generic-segmentation", false},
                                   {"tx-checksum-ip-generic", false}};
    ASSERT_EQ(::truncate(file_.path().c_str(), 100),
              0); // the row fails half-way: after the features were set
    const Sample sample = transfer("sendfile", off);
    EXPECT_THAT(sample.error, HasSubstr("the file changed during the run"));
    const nic::FeatureTable during = lab_->features();
    for (const auto& [feature, on] : off)
        EXPECT_EQ(during.at(feature).active, on) << feature;

    lab_->apply_features({}); // what the next cell does first
    EXPECT_EQ(lab_->features(), before);
}

TEST_F(LabTransfers, ChangedFileFailsTheRow)
{
    EXPECT_EQ(transfer("read_write").error, "");
    const core::UniqueFd fd(::open(file_.path().c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::pwrite(fd.get(), "x", 1, 0), 1);
    EXPECT_THAT(transfer("read_write").error, HasSubstr("it was written to"));
}

TEST_F(LabTransfers, SinkThatDiesFailsOneRowAndIsReplaced)
{
    EXPECT_EQ(transfer("read_write").error, "");
    (void)lab_->sink();
    lab_->sink_lost(); // ends it
    EXPECT_EQ(transfer("af_xdp").error, "");
    EXPECT_EQ(lab_->sink_generation(), 2U);
}

TEST_F(LabTransfers, ManyTransfersLeaveNothingOpen)
{
    const auto num_open = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    };
    EXPECT_EQ(transfer("af_xdp").error, "");
    const auto before = num_open();
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(transfer("af_xdp").error, "");
    EXPECT_EQ(num_open(), before);
}

TEST(Conditions, ColdCacheIsReallyCold)
{
    // A page that a process keeps locked cannot be dropped: the row must not call itself cold.
    const tests::SourceFile file(kFileBytes);
    const core::UniqueFd fd(::open(file.path().c_str(), O_RDONLY | O_CLOEXEC));
    const core::Mapping held = core::Mapping::file(fd.get(), 0, 4096, file.path());
    ASSERT_EQ(::mlock(held.data(), held.size()), 0);
    const Row row = run_one_row(plan_for(file, "read_write"));
    EXPECT_EQ(row.status(), "failed");
    EXPECT_THAT(row.reason(), HasSubstr("cannot be dropped"));
}

} // namespace
} // namespace pagewire::testbed
