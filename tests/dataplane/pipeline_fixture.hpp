// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/checksum.hpp"
#include "core/error.hpp"
#include "core/source_file.hpp"
#include "core/units.hpp"
#include "dataplane/pipeline.hpp"
#include "tests/dataplane/recording_engine.hpp"
#include "tests/support/random_bytes.hpp"
#include "tests/support/temp_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pagewire::dataplane {

/// Keeps what it is told, and ends a transfer that never would.
class RecordingWatch final : public core::TransferWatch {
  public:
    void begin() override { events.emplace_back("begin"); }

    void sent() override { events.emplace_back("sent"); }

    void acknowledged() override { events.emplace_back("acknowledged"); }

    void check() const override
    {
        if (++num_checks >= cancel_at)
            throw core::TransferError("cancelled");
        if (std::chrono::steady_clock::now() > deadline_)
            throw core::TransferError("the pipeline stands still");
    }

    std::vector<std::string> events;
    std::uint64_t cancel_at = ~std::uint64_t{0};
    mutable std::uint64_t num_checks = 0;

  private:
    std::chrono::steady_clock::time_point deadline_ =
        std::chrono::steady_clock::now() + std::chrono::seconds(10);
};

/// Packet memory of just so many frames.
constexpr std::uint64_t umem_of(std::uint32_t num_frames, std::uint32_t frame_bytes,
                                std::uint32_t ring_entries)
{
    return core::round_up<std::uint64_t>(
               std::uint64_t{ring_entries} * PacketMemoryLayout::kHeaderStride, kChunkBytes) +
           std::uint64_t{num_frames} * frame_bytes;
}

inline core::TransferJob small_job()
{
    core::TransferJob job;
    job.interface = "eth0";
    job.mtu = 1500;
    job.local = {.ipv4 = 0x0100000A, .port = 1, .mac = {2, 0, 0, 0, 0, 1}};
    job.peer = {.ipv4 = 0x0200000A, .port = 2, .mac = {2, 0, 0, 0, 0, 2}};
    job.flow = 0xF10F;
    job.dataplane.ring_entries = 64;
    job.dataplane.disk_depth = 8;
    job.dataplane.frame_bytes = 64 * core::kKiB;
    job.dataplane.umem_bytes = umem_of(8, 64 * core::kKiB, 64);
    return job;
}

class PipelineTest : public ::testing::Test {
  protected:
    void SetUp() override
    {
        if (const auto support = probe_io_uring(); !support)
            GTEST_SKIP() << support.reason();
        write_file(1);
        std::string why;
        if (!core::direct_io_alignment(core::open_source_file(job_.path).get(), why))
            GTEST_SKIP() << why;
    }

    void write_file(std::size_t bytes)
    {
        content_ = tests::random_bytes(bytes, bytes);
        job_.path = folder_.write("data", content_);
        job_.range = {.offset = 0, .length = bytes};
    }

    void use_frames(std::uint32_t num_frames, std::uint32_t frame_bytes)
    {
        job_.dataplane.frame_bytes = frame_bytes;
        job_.dataplane.umem_bytes = umem_of(num_frames, frame_bytes, job_.dataplane.ring_entries);
    }

    core::TransferReport run()
    {
        engine_.emplace(job_.dataplane.umem_bytes, behaviour_);
        return Pipeline(job_, *engine_, nullptr).run(watch_);
    }

    /// The stream as a receiver puts it together: each packet's header says where its payload
    /// belongs.
    [[nodiscard]] std::vector<std::byte> received() const
    {
        std::vector<std::byte> stream(job_.range.length);
        std::uint64_t next_offset = 0;
        for (std::size_t i = 0; i < engine_->packets.size(); ++i) {
            const std::span packet(engine_->packets[i]);
            EXPECT_LE(packet.size(), job_.mtu + kEthernetBytes);
            const auto datagram = packet.subspan(kPacketHeaderBytes - core::kFlowHeaderBytes);
            const auto header = core::decode_flow_header(datagram);
            if (!header || header->offset + header->length > stream.size()) {
                ADD_FAILURE() << "packet " << i << " is none of the stream";
                return {};
            }
            expect_checksum(packet);
            EXPECT_EQ(header->flow, job_.flow);
            EXPECT_EQ(header->sequence, i);
            EXPECT_EQ(header->offset, next_offset)
                << "packets are cut in the file's order, each byte once";
            const auto payload = datagram.subspan(core::kFlowHeaderBytes);
            std::copy(payload.begin(), payload.end(),
                      stream.begin() + static_cast<std::ptrdiff_t>(header->offset));
            next_offset = header->offset + header->length;
        }
        EXPECT_EQ(next_offset, stream.size());
        return stream;
    }

    /// RFC 768: with the pseudo header, everything adds up to 0xffff. A device that was asked finds
    /// the pseudo header's sum in the field.
    void expect_checksum(std::span<const std::byte> packet) const
    {
        const auto udp = packet.subspan(kChecksumStart);
        const auto addresses = packet.subspan(kEthernetBytes + 12, 8);
        constexpr std::uint32_t protocol = 17;
        const std::uint32_t pseudo =
            core::checksum_add(protocol + static_cast<std::uint32_t>(udp.size()), addresses);
        const std::uint32_t field = core::checksum_add(0, udp.subspan(kChecksumOffset, 2));
        switch (job_.dataplane.checksum) {
        case core::ChecksumMode::kNone:
            EXPECT_EQ(field, 0U);
            break;
        case core::ChecksumMode::kOffload:
            EXPECT_EQ(field, static_cast<std::uint16_t>(~core::checksum_finish(pseudo)));
            break;
        case core::ChecksumMode::kSidecar:
            EXPECT_NE(field, 0U);
            EXPECT_EQ(core::checksum_finish(core::checksum_add(pseudo, udp)), 0U);
            break;
        }
    }

    void expect_sent(const core::TransferReport& report) const
    {
        const auto range = std::span(content_).subspan(job_.range.offset, job_.range.length);
        const std::vector<std::byte> stream = received();
        EXPECT_TRUE(std::equal(stream.begin(), stream.end(), range.begin(), range.end()));
        expect_accounts(report);
    }

    void expect_accounts(const core::TransferReport& report) const
    {
        EXPECT_THAT(engine_->violations, ::testing::IsEmpty());
        EXPECT_EQ(engine_->num_lent(), 0U) << "the pipeline ended with memory at the engine";
        EXPECT_EQ(report.bytes_sent, job_.range.length);
        EXPECT_EQ(report.num_turns, engine_->packets.size());
        EXPECT_EQ(report.counters.at("packets"), engine_->packets.size());
        EXPECT_EQ(report.counters.at("descriptors"), engine_->num_descriptors);
        EXPECT_EQ(report.counters.at("completions_invalid"), engine_->num_nonsense);
        EXPECT_EQ(report.facts.at("engine"), "recording");
        EXPECT_THAT(watch_.events, ::testing::ElementsAre("begin", "sent"));
    }

    tests::TempFolder folder_;
    std::vector<std::byte> content_;
    core::TransferJob job_ = small_job();
    RecordingEngine::Behaviour behaviour_;
    std::optional<RecordingEngine> engine_;
    RecordingWatch watch_;
};

} // namespace pagewire::dataplane
