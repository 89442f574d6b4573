// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/queue_split.hpp"

#include "core/units.hpp"

#include <gtest/gtest.h>

namespace pagewire::dataplane {
namespace {

core::TransferJob job_of(core::ByteRange range, std::uint32_t num_queues)
{
    core::TransferJob job;
    job.range = range;
    job.flow = 100;
    job.dataplane.queue = 3;
    job.dataplane.num_queues = num_queues;
    job.dataplane.rate = {.gbps = 6, .packets_per_s = 300};
    job.dataplane.fault = "flip@1";
    return job;
}

TEST(QueueSplit, PartsAreTheRangeInOrderAndMeetOnPages)
{
    for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4095},
                                       std::uint64_t{4096}, std::uint64_t{70'001}}) {
        for (const std::uint64_t length : {std::uint64_t{1}, std::uint64_t{4096},
                                           std::uint64_t{3 * 4096}, std::uint64_t{1'000'003}}) {
            const core::ByteRange range{.offset = offset, .length = length};
            const std::uint32_t num_queues = num_queues_for(range, 7);
            SCOPED_TRACE(testing::Message()
                         << length << " bytes from " << offset << " in " << num_queues);
            const auto parts = split_by_queue(job_of(range, num_queues));
            ASSERT_EQ(parts.size(), num_queues);
            std::uint64_t at = offset;
            for (const core::TransferJob& part : parts) {
                EXPECT_EQ(part.range.offset, at);
                EXPECT_GT(part.range.length, 0U);
                EXPECT_EQ(part.stream_offset, at - offset);
                EXPECT_TRUE(at == offset || at % 4096 == 0) << at;
                at = part.range.end();
            }
            EXPECT_EQ(at, range.end());
        }
    }
}

TEST(QueueSplit, EachHasAQueueAFlowAndAShareOfTheRate)
{
    const auto parts = split_by_queue(job_of({.offset = 0, .length = core::kMiB}, 3));
    for (std::uint32_t i = 0; i < 3; ++i) {
        EXPECT_EQ(parts[i].flow, 100 + i);
        EXPECT_EQ(parts[i].dataplane.queue, 3 + i);
        EXPECT_EQ(parts[i].dataplane.num_queues, 1U);
        EXPECT_DOUBLE_EQ(parts[i].dataplane.rate.gbps, 2);
        EXPECT_DOUBLE_EQ(parts[i].dataplane.rate.packets_per_s, 100);
    }
    EXPECT_EQ(parts[0].dataplane.fault, "flip@1");
    EXPECT_EQ(parts[1].dataplane.fault, "") << "one packet is to be spoiled";
}

TEST(QueueSplit, FromMemoryEachBeginsWithTheFile)
{
    core::TransferJob job = job_of({.offset = 0, .length = core::kMiB}, 2);
    job.dataplane.source = core::PayloadSource::kMemory;
    const auto parts = split_by_queue(job);
    EXPECT_EQ(parts[1].range, (core::ByteRange{.offset = 0, .length = core::kMiB / 2}));
    EXPECT_EQ(parts[1].stream_offset, core::kMiB / 2);
}

TEST(QueueSplit, AShortRangeHasFewerQueues)
{
    EXPECT_EQ(num_queues_for({.offset = 0, .length = 1}, 4), 1U);
    EXPECT_EQ(num_queues_for({.offset = 0, .length = 3 * 4096 + 1}, 4), 3U);
    EXPECT_EQ(num_queues_for({.offset = 0, .length = core::kMiB}, 4), 4U);
}

} // namespace
} // namespace pagewire::dataplane
