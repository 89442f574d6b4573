// SPDX-License-Identifier: BSD-3-Clause
// The pipeline with each layout and each way to a checksum: the same bytes arrive, cut as the
// layout says.
#include "tests/dataplane/pipeline_fixture.hpp"

#include <sys/wait.h>

namespace pagewire::dataplane {
namespace {

using core::ChecksumMode;
using core::PacketLayout;

struct Shape {
    PacketLayout layout = PacketLayout::kSegments;
    ChecksumMode checksum = ChecksumMode::kNone;
    std::uint32_t mtu = 0;
};

class Layouts : public PipelineTest, public ::testing::WithParamInterface<Shape> {
  protected:
    Layouts()
    {
        job_.dataplane.layout = GetParam().layout;
        job_.dataplane.checksum = GetParam().checksum;
        job_.mtu = GetParam().mtu;
        const bool headroom = GetParam().layout == PacketLayout::kHeadroom;
        behaviour_.num_segments_max = headroom ? 1 : 18;
        if (headroom) // a slot of 512 takes a chunk
            job_.dataplane.umem_bytes = 2 * core::kMiB;
        if (GetParam().checksum == ChecksumMode::kOffload && !headroom)
            behaviour_.segment_bytes_max = kChunkBytes - 24;
    }
};

TEST_P(Layouts, EveryByteArrives)
{
    for (const std::size_t bytes : {1UL, 511UL, 512UL, 4097UL, 700'001UL}) {
        write_file(bytes);
        watch_.events.clear();
        expect_sent(run());
    }
}

TEST_P(Layouts, RangesThatBeginAnywhere)
{
    write_file(500'000);
    for (const std::uint64_t offset : {1UL, 511UL, 513UL, 4095UL, 12'345UL}) {
        job_.range = {.offset = offset, .length = 300'001};
        watch_.events.clear();
        expect_sent(run());
    }
}

TEST_P(Layouts, FromMemoryRoundAndRound)
{
    write_file(3'000'000);
    job_.dataplane.source = core::PayloadSource::kMemory;
    const auto layout = PacketMemoryLayout::of(job_.dataplane, job_.mtu);
    job_.range = {.offset = 0, .length = 2 * layout.frames_bytes() + 777};
    ASSERT_LT(layout.frames_bytes(), content_.size());
    const core::TransferReport report = run();
    const std::vector<std::byte> stream = received();
    for (std::size_t i = 0; i < stream.size(); ++i)
        ASSERT_EQ(stream[i], content_[i % layout.frames_bytes()]) << i;
    expect_accounts(report);
}

INSTANTIATE_TEST_SUITE_P(
    EveryWay, Layouts, ::testing::ValuesIn([] {
        std::vector<Shape> shapes;
        for (const auto layout : {PacketLayout::kSegments, PacketLayout::kHeadroom}) {
            for (const auto checksum :
                 {ChecksumMode::kNone, ChecksumMode::kOffload, ChecksumMode::kSidecar}) {
                for (const std::uint32_t mtu : {576U, 1500U, 9000U, 65535U})
                    shapes.push_back({.layout = layout, .checksum = checksum, .mtu = mtu});
            }
        }
        return shapes;
    }()));

class LayoutTest : public PipelineTest {};

TEST_F(LayoutTest, HeadroomIsOneDescriptorAPacketAndSaysWhatItWastes)
{
    write_file(1024 * 10);
    job_.dataplane.layout = PacketLayout::kHeadroom;
    behaviour_.num_segments_max = 1;
    const core::TransferReport report = run();
    EXPECT_EQ(report.counters.at("packets"), 10U);
    EXPECT_EQ(report.counters.at("descriptors"), 10U);
    EXPECT_EQ(report.facts.at("layout"),
              "header in the headroom of slots of 1024 bytes: 71 % of the MTU's payload, 25 % of "
              "the memory are used");
}

TEST_F(LayoutTest, OneSegmentIsTooFewForSlices)
{
    write_file(1);
    behaviour_.num_segments_max = 1;
    EXPECT_THROW((void)run(), core::TransferError);
}

TEST_F(LayoutTest, ProtectedPayloadCannotBeTouched)
{
    write_file(100'000);
    job_.dataplane.protect_payload = true;
    // The recording engine reads what it is given, as no engine may: it must not survive it.
    const auto killed = [](int status) { return WIFSIGNALED(status); };
    EXPECT_EXIT((void)run(), killed, "");
}

TEST_F(LayoutTest, HeadersInThePayloadsPagesCannotBeProtected)
{
    write_file(100'000);
    job_.dataplane.layout = PacketLayout::kHeadroom;
    job_.dataplane.protect_payload = true;
    EXPECT_THROW((void)run(), core::TransferError);
}

} // namespace
} // namespace pagewire::dataplane
