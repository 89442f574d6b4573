// SPDX-License-Identifier: BSD-3-Clause
//
// The receiving path on plain memory: the test plays the kernel, which takes frames from the fill
// ring and describes packets on the RX ring.

#include "dataplane/xsk_rx_path.hpp"

#include "core/error.hpp"
#include "tests/support/random_bytes.hpp"
#include "tests/support/thrown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <string>

namespace pagewire::dataplane {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint32_t kFrames = 64;
constexpr std::uint32_t kChunk = 4096;
constexpr std::uint32_t kHeadroom = 256;
constexpr std::uint32_t kEntries = 64;

/// The kernel's side of both rings.
class Kernel {
  public:
    explicit Kernel(std::uint32_t from) : indices_{from, from, from, from} {}

    [[nodiscard]] XskRxPath::Layout layout()
    {
        return {.rx = {.producer = &indices_[0],
                       .consumer = &indices_[1],
                       .flags = &flags_,
                       .entries = rx_.data(),
                       .size = kEntries},
                .fill = {.producer = &indices_[2],
                         .consumer = &indices_[3],
                         .flags = &flags_,
                         .entries = fill_.data(),
                         .size = kEntries},
                .umem = umem_,
                .chunk_bytes = kChunk};
    }

    /// Frames that the fill ring offers now.
    [[nodiscard]] std::uint32_t num_offered() const { return indices_[2] - indices_[3]; }

    std::uint64_t take_frame()
    {
        EXPECT_GT(num_offered(), 0U);
        return fill_[indices_[3]++ % kEntries];
    }

    void describe(const xdp_desc& descriptor) { rx_[indices_[0]++ % kEntries] = descriptor; }

    /// One frame with `text` as a piece of a packet.
    void deliver(const std::string& text, bool more = false)
    {
        const std::uint64_t addr = take_frame() + kHeadroom;
        std::memcpy(umem_.data() + addr, text.data(), text.size());
        describe({.addr = addr,
                  .len = static_cast<std::uint32_t>(text.size()),
                  .options = more ? XDP_PKT_CONTD : 0U});
    }

    /// The addresses that the fill ring offers, in order of size.
    [[nodiscard]] std::vector<std::uint64_t> offered() const
    {
        std::vector<std::uint64_t> addrs;
        for (std::uint32_t i = indices_[3]; i != indices_[2]; ++i)
            addrs.push_back(fill_[i % kEntries]);
        std::sort(addrs.begin(), addrs.end());
        return addrs;
    }

  private:
    std::array<std::uint32_t, 4> indices_; // RX producer, consumer; fill producer, consumer
    std::uint32_t flags_ = 0;
    std::array<xdp_desc, kEntries> rx_{};
    std::array<std::uint64_t, kEntries> fill_{};
    std::vector<std::byte> umem_{std::size_t{kFrames} * kChunk};
};

std::vector<std::uint64_t> every_frame()
{
    std::vector<std::uint64_t> addrs;
    for (std::uint64_t frame = 0; frame < kFrames; ++frame)
        addrs.push_back(frame * kChunk);
    return addrs;
}

/// Where the ring indices begin: at 0, and so that they wrap on the way.
class RxPath : public ::testing::TestWithParam<std::uint32_t> {
  protected:
    /// The packets that up to `max` descriptors made, each with its pieces joined.
    std::vector<std::string> receive(std::uint32_t max = kEntries)
    {
        std::vector<std::string> packets;
        num_descriptors_ = path_.receive(max, [&](PacketPieces pieces) {
            std::string packet;
            for (const auto piece : pieces)
                packet.append(reinterpret_cast<const char*>(piece.data()), piece.size());
            packets.push_back(packet);
        });
        return packets;
    }

    void expect_every_frame_offered()
    {
        EXPECT_EQ(kernel_.offered(), every_frame());
        EXPECT_EQ(path_.num_with_kernel(), kFrames);
    }

    Kernel kernel_{GetParam()};
    XskRxPath path_{kernel_.layout()};
    std::uint32_t num_descriptors_ = 0;
};

constexpr auto kLast = std::numeric_limits<std::uint32_t>::max();

INSTANTIATE_TEST_SUITE_P(From, RxPath, ::testing::Values(0, 61, kLast - 40, kLast - 2, kLast));

TEST_P(RxPath, OffersEveryFrameOnceAtFirst)
{
    expect_every_frame_offered();
    EXPECT_THAT(receive(), IsEmpty());
    EXPECT_EQ(num_descriptors_, 0U);
}

TEST_P(RxPath, PacketsComeInOrderAndTheirFramesGoBack)
{
    for (int round = 0; round < 50; ++round) { // several times round the rings
        kernel_.deliver("one");
        kernel_.deliver("two, in ", true);
        kernel_.deliver("two pieces");
        kernel_.deliver("three");
        EXPECT_EQ(kernel_.num_offered(), kFrames - 4);
        EXPECT_THAT(receive(), ElementsAre("one", "two, in two pieces", "three"));
        expect_every_frame_offered();
    }
    EXPECT_EQ(path_.num_refused(), 0U);
}

TEST_P(RxPath, EveryFrameMayBeOnTheWay)
{
    for (std::uint32_t i = 0; i < kFrames; ++i)
        kernel_.deliver(std::to_string(i));
    EXPECT_EQ(kernel_.num_offered(), 0U);
    EXPECT_EQ(receive().size(), kFrames);
    expect_every_frame_offered();
}

TEST_P(RxPath, AChainIsPutTogetherAcrossCalls)
{
    kernel_.deliver("a", true);
    EXPECT_THAT(receive(), IsEmpty());
    EXPECT_EQ(num_descriptors_, 1U);
    EXPECT_EQ(kernel_.num_offered(), kFrames - 1) << "its first frame is held";
    kernel_.deliver("b", true);
    kernel_.deliver("c");
    EXPECT_THAT(receive(1), IsEmpty());
    EXPECT_THAT(receive(1), ElementsAre("abc"));
    expect_every_frame_offered();
}

TEST_P(RxPath, FramesAreOfferedOnlyAfterThePacketWasDealtWith)
{
    kernel_.deliver("still being read");
    (void)path_.receive(1, [&](PacketPieces) { EXPECT_EQ(kernel_.num_offered(), kFrames - 1); });
    expect_every_frame_offered();
}

TEST_P(RxPath, TheLongestChainPasses)
{
    std::string whole;
    for (std::uint32_t i = 0; i < XskRxPath::kPiecesMax; ++i) {
        const std::string piece(100, static_cast<char>('A' + i));
        kernel_.deliver(piece, i + 1 < XskRxPath::kPiecesMax);
        whole += piece;
    }
    EXPECT_THAT(receive(), ElementsAre(whole));
    EXPECT_EQ(path_.num_refused(), 0U);
    expect_every_frame_offered();
}

TEST_P(RxPath, AChainTooLongIsRefusedAndTheNextPacketPasses)
{
    for (const std::uint32_t pieces : {XskRxPath::kPiecesMax + 1, XskRxPath::kPiecesMax + 25}) {
        const std::uint64_t refused = path_.num_refused();
        for (std::uint32_t i = 0; i < pieces; ++i)
            kernel_.deliver("x", i + 1 < pieces);
        kernel_.deliver("next");
        EXPECT_THAT(receive(), ElementsAre("next"));
        EXPECT_EQ(path_.num_refused(), refused + 1);
        expect_every_frame_offered();
    }
}

TEST_P(RxPath, AChainWithoutEndHoldsNoMoreThanThePiecesOfOnePacket)
{
    for (int i = 0; i < 1000; ++i) {
        kernel_.deliver("x", true);
        EXPECT_THAT(receive(), IsEmpty());
        ASSERT_GE(kernel_.num_offered(), kFrames - XskRxPath::kPiecesMax);
    }
    kernel_.deliver("the end of it");
    EXPECT_THAT(receive(), IsEmpty());
    EXPECT_EQ(path_.num_refused(), 1U);
    expect_every_frame_offered();
}

TEST_P(RxPath, NonsenseDescriptorsAreRefusedAndLoseNoFrame)
{
    constexpr std::uint64_t umem_bytes = std::uint64_t{kFrames} * kChunk;

    struct Nonsense {
        std::uint64_t offset_in_frame;
        std::uint32_t len;
    };

    // Of a frame that the kernel has: empty, across the chunk's end, longer than 32 bits can add.
    for (const auto& [offset, len] :
         {Nonsense{kHeadroom, 0}, Nonsense{kHeadroom, kChunk - kHeadroom + 1}, Nonsense{4095, 2},
          Nonsense{0, kLast}}) {
        const std::uint64_t refused = path_.num_refused();
        kernel_.describe({.addr = kernel_.take_frame() + offset, .len = len, .options = 0});
        kernel_.deliver("good");
        EXPECT_THAT(receive(), ElementsAre("good")) << offset << ' ' << len;
        EXPECT_EQ(path_.num_refused(), refused + 1);
        expect_every_frame_offered();
    }
    // Of no frame at all.
    for (const std::uint64_t addr : {umem_bytes, umem_bytes + kHeadroom, std::uint64_t{1} << 48,
                                     std::numeric_limits<std::uint64_t>::max()}) {
        const std::uint64_t refused = path_.num_refused();
        kernel_.describe({.addr = addr, .len = 1, .options = 0});
        kernel_.deliver("good");
        EXPECT_THAT(receive(), ElementsAre("good")) << addr;
        EXPECT_EQ(path_.num_refused(), refused + 1);
        expect_every_frame_offered();
    }
}

TEST_P(RxPath, NonsenseInTheMiddleOfAChainSpoilsThatPacketAlone)
{
    kernel_.deliver("before");
    kernel_.deliver("head, ", true);
    kernel_.describe({.addr = std::uint64_t{1} << 40, .len = 1, .options = XDP_PKT_CONTD});
    kernel_.deliver("tail");
    kernel_.deliver("after");
    EXPECT_THAT(receive(), ElementsAre("before", "after"));
    EXPECT_EQ(path_.num_refused(), 1U);
    expect_every_frame_offered();
}

TEST_P(RxPath, AFrameThatTheKernelDescribesTwiceIsGivenBackOnce)
{
    const std::uint64_t addr = kernel_.take_frame() + kHeadroom;
    kernel_.describe({.addr = addr, .len = 1, .options = XDP_PKT_CONTD});
    kernel_.describe({.addr = addr, .len = 1, .options = 0});
    EXPECT_THAT(receive(), IsEmpty());
    EXPECT_EQ(path_.num_refused(), 1U);
    expect_every_frame_offered();
}

TEST_P(RxPath, EveryByteOfAChunkMayBeUsed)
{
    const std::uint64_t addr = kernel_.take_frame();
    kernel_.describe({.addr = addr, .len = kChunk, .options = 0});
    kernel_.describe({.addr = kernel_.take_frame() + kChunk - 1, .len = 1, .options = 0});
    std::vector<std::size_t> sizes;
    (void)path_.receive(2, [&](PacketPieces pieces) { sizes.push_back(pieces.front().size()); });
    EXPECT_THAT(sizes, ElementsAre(kChunk, 1));
    expect_every_frame_offered();
}

TEST_P(RxPath, AnyMixtureOfPacketsAndNonsenseKeepsEveryFrame)
{
    tests::Random random(GetParam());
    std::uint64_t num_good = 0;
    std::uint64_t num_sent = 0;
    std::uint64_t num_got = 0;
    for (int round = 0; round < 2000; ++round) {
        const auto pieces = static_cast<std::uint32_t>(1 + tests::below(random, 40));
        bool good = pieces <= XskRxPath::kPiecesMax;
        for (std::uint32_t i = 0; i < pieces; ++i) {
            const bool more = i + 1 < pieces;
            if (tests::below(random, 50) == 0) {
                good = false;
                kernel_.describe({.addr = random(),
                                  .len = static_cast<std::uint32_t>(random()),
                                  .options = more ? XDP_PKT_CONTD : 0U});
            } else {
                kernel_.deliver("x", more);
            }
            if (tests::below(random, 4) == 0)
                num_got += receive(static_cast<std::uint32_t>(1 + tests::below(random, 8))).size();
            while (kernel_.num_offered() < 2)
                num_got += receive().size();
        }
        num_got += receive().size();
        ++num_sent;
        num_good += good ? 1 : 0;
    }
    EXPECT_EQ(num_got, num_good);
    EXPECT_EQ(path_.num_refused(), num_sent - num_good);
    expect_every_frame_offered();
}

TEST(RxPathSetUp, AFillRingTooSmallForTheFramesIsRefused)
{
    Kernel kernel(0);
    XskRxPath::Layout layout = kernel.layout();
    layout.fill.size = kEntries / 2;
    EXPECT_EQ(tests::thrown<core::UsageError>([&] { const XskRxPath path(layout); }),
              "a fill ring of 32 entries has no room for 64 frames");
}

} // namespace
} // namespace pagewire::dataplane
