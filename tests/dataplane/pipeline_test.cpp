// SPDX-License-Identifier: BSD-3-Clause
//
// From a file on a disk, read past the page cache, to the packets that an engine is given. Nothing
// is sent.

#include "dataplane/pipeline.hpp"

#include "core/error.hpp"
#include "core/units.hpp"
#include "tests/dataplane/pipeline_fixture.hpp"
#include "tests/support/random_bytes.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/thrown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <ostream>

namespace pagewire::dataplane {
namespace {

using core::kKiB;
using core::kMiB;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Bytes = std::vector<std::byte>;

struct Shape {
    std::uint32_t mtu;
    std::uint32_t num_frames;
    std::uint32_t frame_bytes;

    friend std::ostream& operator<<(std::ostream& out, const Shape& shape)
    {
        return out << "mtu " << shape.mtu << ", frames " << shape.num_frames << " of "
                   << shape.frame_bytes;
    }
};

/// Every MTU with memory so small that each frame goes round many times.
class PipelineOfShape : public PipelineTest, public ::testing::WithParamInterface<Shape> {
  protected:
    void SetUp() override
    {
        PipelineTest::SetUp();
        job_.mtu = GetParam().mtu;
        use_frames(GetParam().num_frames, GetParam().frame_bytes);
    }
};

INSTANTIATE_TEST_SUITE_P(Shapes, PipelineOfShape,
                         ::testing::Values(Shape{576, 2, 4096}, Shape{576, 8, 64 * kKiB},
                                           Shape{1500, 2, 4096}, Shape{1500, 3, 12'288},
                                           Shape{9000, 4, 4096}, Shape{9000, 5, 8192},
                                           Shape{9000, 2, 64 * kKiB}, Shape{65535, 17, 4096},
                                           Shape{65535, 2, 64 * kKiB},
                                           Shape{65535, 4, 256 * kKiB}));

TEST_P(PipelineOfShape, WholeFilesOfManySizes)
{
    for (const std::size_t bytes :
         {std::size_t{1}, std::size_t{4095}, std::size_t{4096}, std::size_t{4097}, kMiB + 1}) {
        SCOPED_TRACE(bytes);
        write_file(bytes);
        watch_.events.clear();
        behaviour_.seed = bytes;
        expect_sent(run());
    }
}

TEST_P(PipelineOfShape, RangesOfAnyOffsetAndLength)
{
    write_file(300'003);
    for (const core::ByteRange range : {core::ByteRange{.offset = 1, .length = 1},
                                        {.offset = 4095, .length = 2},
                                        {.offset = 4096, .length = 4096},
                                        {.offset = 77, .length = 262'144},
                                        {.offset = 131'071, .length = 168'932},
                                        {.offset = 300'002, .length = 1}}) {
        SCOPED_TRACE(::testing::Message() << range.offset << '+' << range.length);
        job_.range = range;
        watch_.events.clear();
        expect_sent(run());
    }
}

/// The proof of who owns a frame when: the engine holds completions back for long and posts them in
/// any order, the disk is eager to refill, and no byte that is lent may change.
TEST_P(PipelineOfShape, LentMemoryIsNeverWrittenTo)
{
    write_file(700'001);
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE(seed);
        behaviour_ = {.num_descriptors_max = 18 * seed,
                      .delay_max = seed % 2 == 0 ? 200U : 2U,
                      .completes_nonsense = seed > 2,
                      .seed = seed};
        watch_.events.clear();
        expect_sent(run());
    }
}

TEST_F(PipelineTest, DiskReadsAreOnePerFrameAndPastThePageCache)
{
    write_file(kMiB + 1);
    job_.range = {.offset = 70'000, .length = kMiB + 1 - 70'000};
    const core::UniqueFd fd = core::open_source_file(job_.path);
    core::make_cold(fd.get(), {.offset = 0, .length = content_.size()}, job_.path);
    const auto report = run();
    expect_sent(report);
    // From 69 632, the page that holds the first byte: 978 945 bytes in frames of 64 KiB.
    EXPECT_EQ(report.counters.at("disk_reads"), 15U);
    EXPECT_EQ(core::cache_residency(fd.get(), {.offset = 0, .length = content_.size()}, job_.path)
                  .num_cached,
              0U);
}

TEST_F(PipelineTest, FewerHeaderSlotsThanABatchHasPackets)
{
    write_file(300'000);
    for (const std::uint32_t ring_entries : {1U, 2U, 5U}) {
        job_.dataplane.ring_entries = ring_entries;
        use_frames(3, 8192);
        watch_.events.clear();
        expect_sent(run());
    }
}

TEST_F(PipelineTest, OneReadInFlight)
{
    write_file(500'000);
    job_.dataplane.disk_depth = 1;
    expect_sent(run());
}

TEST_F(PipelineTest, DeviceOfFewSegments)
{
    write_file(300'000);
    job_.mtu = 65535;
    for (const unsigned num_segments : {2U, 3U, 8U}) {
        behaviour_.num_segments_max = num_segments;
        watch_.events.clear();
        expect_sent(run()); // the engine counts a packet of more as a violation
    }
}

TEST_F(PipelineTest, DeviceOfMoreSegmentsThanAPacketHas)
{
    write_file(300'000);
    job_.mtu = 65535;
    behaviour_.num_segments_max = 64;
    expect_sent(run());
}

TEST_F(PipelineTest, DeviceOfOneSegmentIsRefused)
{
    behaviour_.num_segments_max = 1;
    EXPECT_EQ(tests::thrown<core::TransferError>([&] { (void)run(); }),
              "the device takes one segment a packet, and header and page slices need two: use the "
              "layout 'headroom'");
}

/// The start of the file, read once, goes round and round.
TEST_F(PipelineTest, MemorySource)
{
    write_file(kMiB);
    use_frames(3, 8192);
    job_.mtu = 9000;
    job_.dataplane.source = core::PayloadSource::kMemory;
    constexpr std::size_t lap = std::size_t{3} * 8192;
    for (const std::size_t length :
         {std::size_t{1}, std::size_t{4097}, lap - 1, lap, lap + 1, std::size_t{500'000}}) {
        SCOPED_TRACE(length);
        job_.range = {.offset = 0, .length = length};
        watch_.events.clear();
        const auto report = run();
        const Bytes stream = received();
        for (std::size_t at = 0; at < stream.size(); ++at)
            ASSERT_EQ(stream[at], content_[at % lap]) << at;
        expect_accounts(report);
        EXPECT_EQ(report.counters.at("disk_reads"), 0U);
    }
}

TEST_F(PipelineTest, MemorySourceOfATooSmallFile)
{
    write_file(100'000);
    job_.dataplane.source = core::PayloadSource::kMemory;
    EXPECT_EQ(tests::thrown<core::TransferError>([&] { (void)run(); }),
              job_.path + ": is shorter than the packet memory that it is to fill (512 KiB)");
}

TEST_F(PipelineTest, PacedPacketsAllArrive)
{
    write_file(300'000);
    job_.dataplane.rate = {.gbps = 1};
    expect_sent(run());
}

TEST_F(PipelineTest, FileThatEndsBeforeTheRangeDoes)
{
    write_file(300'000);
    job_.range.length = 300'001;
    EXPECT_THAT(tests::thrown<core::TransferError>([&] { (void)run(); }),
                HasSubstr(": a direct read at byte "));
}

TEST_F(PipelineTest, FileThatShrinksOnTheWay)
{
    write_file(2 * kMiB);
    use_frames(2, 8192);
    engine_.emplace(job_.dataplane.umem_bytes, behaviour_);
    Pipeline pipeline(job_, *engine_, nullptr);
    ASSERT_EQ(::truncate(job_.path.c_str(), 100'000), 0);
    EXPECT_THAT(tests::thrown<core::TransferError>([&] { (void)pipeline.run(watch_); }),
                HasSubstr(": a direct read at byte "));
    EXPECT_THAT(engine_->violations, IsEmpty());
}

TEST_F(PipelineTest, FailureOfTheDeviceNamesTheInterface)
{
    engine_.emplace(job_.dataplane.umem_bytes, behaviour_);
    engine_->kick_error = ENETDOWN;
    Pipeline pipeline(job_, *engine_, nullptr);
    EXPECT_EQ(tests::thrown<core::SystemError>([&] { (void)pipeline.run(watch_); }),
              "send on eth0: Network is down");
}

/// At every point, with reads in flight and descriptors lent.
TEST_F(PipelineTest, IsCancelled)
{
    write_file(300'000);
    use_frames(3, 8192);
    for (std::uint64_t check = 1; check < 40; check += 3) {
        watch_.num_checks = 0;
        watch_.cancel_at = check;
        EXPECT_EQ(tests::thrown<core::TransferError>([&] { (void)run(); }), "cancelled");
        EXPECT_THAT(engine_->violations, IsEmpty());
    }
}

TEST_F(PipelineTest, FileSystemWithoutDirectIoIsRefused)
{
    if (!std::filesystem::is_directory("/dev/shm"))
        GTEST_SKIP() << "no /dev/shm";
    const tests::TempFolder memory("/dev/shm");
    job_.path = memory.write("data", tests::random_bytes(4096, 1));
    std::string why;
    if (core::direct_io_alignment(core::open_source_file(job_.path).get(), why))
        GTEST_SKIP() << "/dev/shm is on a disk";
    EXPECT_EQ(tests::thrown<core::TransferError>([&] { (void)run(); }), why);
}

/// A packet that all frames together cannot hold would never be complete: refused, rather than
/// waited for.
TEST_F(PipelineTest, PacketsLargerThanAllFramesAreRefused)
{
    write_file(200'000);
    job_.mtu = 65535;
    use_frames(2, 4096);
    const auto run_until_cancelled = [&] {
        watch_.cancel_at = 1000;
        (void)run();
    };
    EXPECT_THAT(tests::thrown<std::runtime_error>(run_until_cancelled), ::testing::Ne("cancelled"));
}

TEST_F(PipelineTest, SendToNobodyIsAcknowledged)
{
    write_file(10'000);
    engine_.emplace(job_.dataplane.umem_bytes, behaviour_);
    EXPECT_EQ(send_to_nobody(job_, watch_, *engine_).bytes_sent, 10'000U);
    EXPECT_THAT(watch_.events, ElementsAre("begin", "sent", "acknowledged"));
}

} // namespace
} // namespace pagewire::dataplane
