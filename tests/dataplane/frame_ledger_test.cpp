// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/frame_ledger.hpp"
#include "dataplane/packet_header.hpp"

#include "core/error.hpp"
#include "core/units.hpp"
#include "tests/support/random_bytes.hpp"
#include "tests/support/thrown.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>
#include <utility>
#include <vector>

namespace pagewire::dataplane {
namespace {

using core::kKiB;
using core::kMiB;
using tests::below;
using tests::Random;

constexpr std::uint64_t kStride = PacketMemoryLayout::kHeaderStride;
constexpr std::uint64_t kHeader = PacketMemoryLayout::kHeaderOffset;

TEST(PacketMemoryLayout, HeadersThenAsManyFramesAsFit)
{
    const auto layout = PacketMemoryLayout::fit(kMiB, 100, 64 * kKiB);
    EXPECT_EQ(layout.num_headers, 100U);
    EXPECT_EQ(layout.frames_offset,
              16'384U); // 12 800 octets of header slots, rounded up to a chunk
    EXPECT_EQ(layout.frame_bytes, 65'536U);
    EXPECT_EQ(layout.num_frames, 15U);
    EXPECT_EQ(layout.frame_addr(0), 16'384U);
    EXPECT_EQ(layout.frame_addr(14), 16'384U + 14 * 65'536U);
    EXPECT_EQ(layout.end(), 16'384U + 15 * 65'536U);
    EXPECT_LE(layout.end(), kMiB);
}

TEST(PacketMemoryLayout, AlwaysFits)
{
    Random random(1);
    for (int i = 0; i < 10'000; ++i) {
        const std::uint64_t memory_bytes = below(random, 64 * kMiB);
        const auto num_headers = static_cast<std::uint32_t>(1 + below(random, 4096));
        const auto frame_bytes = static_cast<std::uint32_t>(kChunkBytes * (1 + below(random, 64)));
        try {
            const auto layout = PacketMemoryLayout::fit(memory_bytes, num_headers, frame_bytes);
            ASSERT_GE(layout.num_frames, 2U);
            ASSERT_GE(layout.frames_offset, num_headers * kStride);
            ASSERT_EQ(layout.frames_offset % kChunkBytes, 0U);
            ASSERT_LE(layout.end(), memory_bytes);
            ASSERT_GT(layout.end() + frame_bytes, memory_bytes) << "one more frame would fit";
        } catch (const core::UsageError&) {
            ASSERT_LT(memory_bytes,
                      core::round_up(num_headers * kStride, kChunkBytes) + 2ULL * frame_bytes);
        }
    }
}

TEST(PacketMemoryLayout, FewerThanTwoFramesIsAUsageError)
{
    for (const std::uint64_t memory_bytes : {std::uint64_t{0}, 8 * kKiB, 8 * kKiB + 2 * kMiB - 1})
        EXPECT_THROW((void)PacketMemoryLayout::fit(memory_bytes, 64, kMiB), core::UsageError);
    EXPECT_NO_THROW((void)PacketMemoryLayout::fit(8 * kKiB + 2 * kMiB, 64, kMiB));
    EXPECT_EQ(
        tests::thrown<core::UsageError>([] { (void)PacketMemoryLayout::fit(kMiB, 64, kMiB); }),
        "packet memory of 1 MiB holds fewer than two frames of 1 MiB: use more (umem) or "
        "smaller frames (frame)");
}

TEST(PacketMemoryLayout, HeadroomIsARowOfChunks)
{
    const auto layout = PacketMemoryLayout::fit_headroom(kMiB, 3584, 256 * kKiB);
    // 73 would fit in 256 KiB; 72 are whole blocks of 4 KiB.
    EXPECT_EQ(layout.slots_per_frame(), 72U);
    EXPECT_EQ(layout.frame_bytes % kChunkBytes, 0U);
    EXPECT_EQ(layout.frame_bytes, 72U * 3584);
    EXPECT_EQ(layout.frame_stride(), 72U * 4096);
    EXPECT_EQ(layout.num_frames, 3U);
    EXPECT_LE(layout.end(), kMiB);
    EXPECT_EQ(layout.frame_addr(1), 72U * 4096 + 512);
    EXPECT_EQ(layout.addr_of(0), 512U);
    EXPECT_EQ(layout.addr_of(3583), 4095U);
    EXPECT_EQ(layout.addr_of(3584), 4096U + 512);
    EXPECT_EQ(layout.addr_of(layout.frame_bytes), layout.frame_addr(1));
    EXPECT_EQ(layout.addr_of(layout.frames_bytes()), layout.addr_of(0)) << "round and round";
    EXPECT_EQ(layout.frame_at(layout.frame_addr(2) - kPacketHeaderBytes), 2U);
    EXPECT_THROW((void)PacketMemoryLayout::fit_headroom(100 * kKiB, 3584, 256 * kKiB),
                 core::UsageError);
}

TEST(PacketMemoryLayout, MtuDecidesTheSlot)
{
    core::DataplaneJob job;
    job.umem_bytes = 32 * kMiB;
    job.frame_bytes = 256 * kKiB;
    job.ring_entries = 64;
    job.layout = core::PacketLayout::kHeadroom;
    for (const auto& [mtu, slot_bytes] : {std::pair{1500U, 1024U},
                                          {1536U + 52, 1536U},
                                          {1536U + 51, 1024U},
                                          {3498U, 3072U},
                                          {9000U, 3584U},
                                          {65535U, 3584U}})
        EXPECT_EQ(PacketMemoryLayout::of(job, mtu).slot_bytes, slot_bytes) << mtu;
    EXPECT_THROW((void)PacketMemoryLayout::of(job, 512 + 51), core::UsageError);
}

class Ledger : public ::testing::Test {
  protected:
    static constexpr std::uint32_t kNumHeaders = 10; // in one chunk, with room behind them

    [[nodiscard]] std::uint64_t in_frame(std::uint32_t frame, std::uint64_t offset) const
    {
        return layout_.frame_addr(frame) + offset;
    }

    void fill(std::uint32_t frame)
    {
        ledger_.start_read(frame);
        ledger_.read_done(frame);
    }

    PacketMemoryLayout layout_ = PacketMemoryLayout::fit(4096 + 4 * 8192, kNumHeaders, 8192);
    FrameLedger ledger_{layout_};
};

TEST_F(Ledger, LifeOfAFrame)
{
    EXPECT_TRUE(ledger_.is_free(1));
    ledger_.start_read(1);
    EXPECT_FALSE(ledger_.is_free(1));
    ledger_.read_done(1);
    EXPECT_FALSE(ledger_.is_free(1));
    ledger_.lend(in_frame(1, 0));
    ledger_.lend(in_frame(1, 4096));
    EXPECT_EQ(ledger_.num_outstanding(), 2U);
    ledger_.all_cut(1);
    EXPECT_FALSE(ledger_.is_free(1)) << "two descriptors are out";
    EXPECT_TRUE(ledger_.complete(in_frame(1, 4096)));
    EXPECT_FALSE(ledger_.is_free(1)) << "one is";
    EXPECT_TRUE(ledger_.complete(in_frame(1, 0)));
    EXPECT_TRUE(ledger_.is_free(1));
    EXPECT_EQ(ledger_.num_outstanding(), 0U);
    for (const std::uint32_t other : {0U, 2U, 3U})
        EXPECT_TRUE(ledger_.is_free(other));
}

TEST_F(Ledger, CompletedBeforeItsEndIsCut)
{
    fill(0);
    ledger_.lend(in_frame(0, 0));
    EXPECT_TRUE(ledger_.complete(in_frame(0, 0)));
    EXPECT_FALSE(ledger_.is_free(0)) << "packets are still to be cut from it";
    ledger_.lend(in_frame(0, 4096));
    ledger_.all_cut(0);
    EXPECT_TRUE(ledger_.complete(in_frame(0, 4096)));
    EXPECT_TRUE(ledger_.is_free(0));
}

TEST_F(Ledger, CutWithNothingOutstandingIsFreeAtOnce)
{
    fill(0);
    ledger_.lend(in_frame(0, 0));
    EXPECT_TRUE(ledger_.complete(in_frame(0, 0)));
    ledger_.all_cut(0);
    EXPECT_TRUE(ledger_.is_free(0));
}

TEST_F(Ledger, SlicesOfOneChunkAreLoansOfTheirOwn)
{
    fill(2);
    for (const std::uint64_t offset : {0, 1448, 2896}) // three packets from one page
        ledger_.lend(in_frame(2, offset));
    ledger_.all_cut(2);
    EXPECT_TRUE(ledger_.complete(in_frame(2, 1448)));
    EXPECT_TRUE(ledger_.complete(in_frame(2, 0)));
    EXPECT_FALSE(ledger_.is_free(2));
    EXPECT_TRUE(ledger_.complete(in_frame(2, 2896)));
    EXPECT_TRUE(ledger_.is_free(2));
}

TEST_F(Ledger, HeaderSlotsRunOutAndComeBack)
{
    std::set<std::uint64_t> slots;
    for (std::uint32_t i = 0; i < kNumHeaders; ++i) {
        const auto addr = ledger_.take_header();
        ASSERT_TRUE(addr);
        EXPECT_EQ(*addr % kStride, kHeader);
        EXPECT_LT(*addr, kNumHeaders * kStride);
        slots.insert(*addr);
        ledger_.lend(*addr);
    }
    EXPECT_EQ(slots.size(), kNumHeaders) << "the same slot was given twice";
    EXPECT_FALSE(ledger_.take_header());
    EXPECT_TRUE(ledger_.complete(3 * kStride + kHeader));
    EXPECT_EQ(ledger_.take_header(), 3 * kStride + kHeader);
    EXPECT_FALSE(ledger_.take_header());
}

/// What a device may post after an invalid descriptor, and worse.
TEST_F(Ledger, NonsenseCompletionsAreRefusedAndChangeNothing)
{
    fill(0);
    ledger_.lend(in_frame(0, 0));
    ledger_.all_cut(0);
    const std::uint64_t header = ledger_.take_header().value();
    ledger_.lend(header);
    const auto expect_refused = [&](std::uint64_t addr) {
        EXPECT_FALSE(ledger_.complete(addr)) << addr;
        EXPECT_EQ(ledger_.num_outstanding(), 2U) << addr;
        EXPECT_FALSE(ledger_.is_free(0)) << addr;
    };
    expect_refused(layout_.end());
    expect_refused(layout_.end() + 1);
    expect_refused(std::numeric_limits<std::uint64_t>::max());
    expect_refused(std::uint64_t{1} << 63);
    expect_refused(kNumHeaders * kStride); // behind the header slots, before the frames
    expect_refused(layout_.frames_offset - 1);
    expect_refused(header == kHeader ? kStride + kHeader : kHeader); // a slot that is free
    for (const std::uint32_t frame : {1U, 2U, 3U})
        expect_refused(in_frame(frame, 0)); // nothing of it was lent
    expect_refused(layout_.end() - 1);
    EXPECT_TRUE(ledger_.complete(header));
    EXPECT_TRUE(ledger_.complete(in_frame(0, 0)));
    EXPECT_TRUE(ledger_.is_free(0));
}

TEST_F(Ledger, AnAddressWithinAHeaderSlotIsNoLoan)
{
    const std::uint64_t header = ledger_.take_header().value();
    ledger_.lend(header);
    for (const std::uint64_t offset : std::initializer_list<std::uint64_t>{1, 64, kStride - 1})
        EXPECT_FALSE(ledger_.complete(header + offset)) << offset;
    EXPECT_EQ(ledger_.num_outstanding(), 1U);
    EXPECT_TRUE(ledger_.complete(header));
}

TEST_F(Ledger, SecondCompletionsAreRefused)
{
    const std::uint64_t header = ledger_.take_header().value();
    ledger_.lend(header);
    EXPECT_TRUE(ledger_.complete(header));
    EXPECT_FALSE(ledger_.complete(header));
    fill(0);
    ledger_.lend(in_frame(0, 0));
    EXPECT_TRUE(ledger_.complete(in_frame(0, 0)));
    EXPECT_FALSE(ledger_.complete(in_frame(0, 0)));
    EXPECT_EQ(ledger_.num_outstanding(), 0U);
    EXPECT_FALSE(ledger_.is_free(0)) << "it is not cut to its end";
    std::set<std::uint64_t> slots;
    while (const auto addr = ledger_.take_header())
        slots.insert(*addr);
    EXPECT_EQ(slots.size(), kNumHeaders) << "the slot was given back twice";
}

TEST_F(Ledger, TakenHeaderCannotCompleteBeforeItIsLent)
{
    const std::uint64_t header = ledger_.take_header().value();
    EXPECT_FALSE(ledger_.complete(header));
    ledger_.lend(header);
    EXPECT_TRUE(ledger_.complete(header));
}

/// A ledger under random traffic, beside the rules taken literally: a state for each frame, a set
/// of what is out.
class Traffic {
  public:
    Traffic(const PacketMemoryLayout& layout, std::uint64_t seed)
        : layout_(layout),
          ledger_(layout),
          states_(layout.num_frames),
          random_(seed)
    {}

    void step()
    {
        const auto frame = static_cast<std::uint32_t>(below(random_, layout_.num_frames));
        switch (below(random_, 7)) {
        case 0:
            advance(frame);
            break;
        case 1:
        case 2:
            send_packet_of(frame);
            break;
        case 3:
            complete_nonsense(frame);
            break;
        default:
            complete_any();
            break;
        }
    }

    void expect_agreement() const
    {
        ASSERT_EQ(ledger_.num_outstanding(), headers_out_.size() + slices_out_.size());
        for (std::uint32_t frame = 0; frame < layout_.num_frames; ++frame)
            ASSERT_EQ(ledger_.is_free(frame), states_[frame] == State::kFree) << "frame " << frame;
    }

  private:
    enum class State { kFree, kReading, kReady, kCut };

    [[nodiscard]] std::uint64_t frame_of(std::uint64_t addr) const
    {
        return (addr - layout_.frames_offset) / layout_.frame_bytes;
    }

    [[nodiscard]] bool is_out(std::uint32_t frame) const
    {
        return std::any_of(slices_out_.begin(), slices_out_.end(),
                           [&](std::uint64_t addr) { return frame_of(addr) == frame; });
    }

    void free_if_done(std::uint32_t frame)
    {
        if (states_[frame] == State::kCut && !is_out(frame))
            states_[frame] = State::kFree;
    }

    void advance(std::uint32_t frame)
    {
        switch (states_[frame]) {
        case State::kFree:
            ledger_.start_read(frame);
            states_[frame] = State::kReading;
            break;
        case State::kReading:
            ledger_.read_done(frame);
            states_[frame] = State::kReady;
            break;
        case State::kReady:
            ledger_.all_cut(frame);
            states_[frame] = State::kCut;
            free_if_done(frame);
            break;
        case State::kCut: // only completions lead out of it
            break;
        }
    }

    void send_packet_of(std::uint32_t frame)
    {
        if (states_[frame] != State::kReady)
            return;
        const auto header = ledger_.take_header();
        ASSERT_EQ(header.has_value(), headers_out_.size() < layout_.num_headers);
        if (!header)
            return;
        ASSERT_TRUE(headers_out_.insert(*header).second) << "a slot that is out was given again";
        ledger_.lend(*header);
        slices_out_.push_back(layout_.frame_addr(frame) +
                              512 * below(random_, layout_.frame_bytes / 512));
        ledger_.lend(slices_out_.back());
    }

    void complete_any()
    {
        if (!headers_out_.empty() && below(random_, 2) == 0) {
            const auto it =
                std::next(headers_out_.begin(),
                          static_cast<std::ptrdiff_t>(below(random_, headers_out_.size())));
            ASSERT_TRUE(ledger_.complete(*it));
            headers_out_.erase(it);
        } else if (!slices_out_.empty()) {
            std::swap(slices_out_[below(random_, slices_out_.size())], slices_out_.back());
            const std::uint64_t addr = slices_out_.back();
            ASSERT_TRUE(ledger_.complete(addr));
            slices_out_.pop_back();
            free_if_done(static_cast<std::uint32_t>(frame_of(addr)));
        }
    }

    void complete_nonsense(std::uint32_t frame)
    {
        const std::uint64_t within =
            layout_.frame_addr(frame) + below(random_, layout_.frame_bytes);
        const std::uint64_t slot =
            kStride * below(random_, layout_.frames_offset / kStride) + kHeader;
        ASSERT_FALSE(ledger_.complete(layout_.end() + (random_() >> 1)));
        ASSERT_FALSE(!is_out(frame) && ledger_.complete(within)) << within;
        ASSERT_FALSE(!headers_out_.contains(slot) && ledger_.complete(slot)) << slot;
    }

    PacketMemoryLayout layout_;
    FrameLedger ledger_;
    std::vector<State> states_;
    std::set<std::uint64_t> headers_out_;
    std::vector<std::uint64_t> slices_out_;
    Random random_;
};

TEST_F(Ledger, RandomTrafficAgainstAModel)
{
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        SCOPED_TRACE(seed);
        Traffic traffic(layout_, seed);
        for (int step = 0; step < 1500 && !HasFatalFailure(); ++step) {
            traffic.step();
            traffic.expect_agreement();
        }
    }
}

} // namespace
} // namespace pagewire::dataplane
