// SPDX-License-Identifier: BSD-3-Clause
// The device's side of a virtqueue on plain memory: the driver is the test.
#include "dataplane/split_ring.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <limits>

namespace pagewire::dataplane {
namespace {

constexpr std::uint64_t kGuestBase = 0x7F00'0000'0000;

class SplitRingTest : public testing::Test {
  protected:
    static constexpr std::uint16_t kSize = 8;

    SplitRingTest()
    {
        std::memset(avail_.data(), 0, sizeof(avail_));
        std::memset(used_.data(), 0, sizeof(used_));
        std::memset(desc_.data(), 0xFF, sizeof(desc_)); // what nobody wrote is nonsense
        avail()->idx = used()->idx = start_;
    }

    vring_avail* avail() { return reinterpret_cast<vring_avail*>(avail_.data()); }

    vring_used* used() { return reinterpret_cast<vring_used*>(used_.data()); }

    [[nodiscard]] SplitRing open()
    {
        return SplitRing({.desc = desc_.data(), .avail = avail(), .used = used(), .size = kSize},
                         GuestMemory({{.guest_addr = kGuestBase, .bytes = memory_}}), start_);
    }

    void describe(std::uint16_t index, std::uint64_t addr, std::uint32_t len, int next = -1)
    {
        desc_[index] = {.addr = addr,
                        .len = len,
                        .flags = static_cast<std::uint16_t>(next >= 0 ? VRING_DESC_F_NEXT : 0),
                        .next = static_cast<std::uint16_t>(next >= 0 ? next : 0)};
    }

    void offer(std::uint16_t head)
    {
        avail()->ring[avail()->idx % kSize] = head;
        ++avail()->idx;
    }

    /// What the device makes of one offered chain.
    bool is_well_formed(std::uint16_t head)
    {
        SplitRing ring = open();
        offer(head);
        const auto chain = ring.next();
        EXPECT_TRUE(chain.has_value());
        return chain.has_value() && chain->well_formed;
    }

    std::uint16_t start_ = 0;
    std::array<std::byte, 4096> memory_{};
    std::array<vring_desc, kSize> desc_{};
    alignas(4) std::array<std::uint16_t, 3 + kSize> avail_{};
    alignas(4) std::array<std::uint16_t, 3 + 4 * kSize> used_{};
};

TEST_F(SplitRingTest, EmptyRingHasNothing)
{
    SplitRing ring = open();
    EXPECT_FALSE(ring.next().has_value());
    EXPECT_FALSE(ring.is_broken());
}

TEST_F(SplitRingTest, WalksAChainInItsOrder)
{
    describe(5, kGuestBase + 100, 12, 2);
    describe(2, kGuestBase + 200, 66, 7);
    describe(7, kGuestBase + 4095, 1);
    SplitRing ring = open();
    offer(5);

    const auto chain = ring.next();
    ASSERT_TRUE(chain && chain->well_formed);
    EXPECT_EQ(chain->head, 5);
    ASSERT_EQ(chain->segments.size(), 3U);
    EXPECT_EQ(chain->segments[0].guest_addr, kGuestBase + 100);
    EXPECT_EQ(chain->segments[1].bytes.data(), memory_.data() + 200);
    EXPECT_EQ(chain->segments[1].bytes.size(), 66U);
    EXPECT_EQ(chain->segments[2].bytes.data(), memory_.data() + 4095);
    EXPECT_FALSE(ring.next().has_value());
}

TEST_F(SplitRingTest, IsTheDriversAgainOnlyWhenPublished)
{
    describe(3, kGuestBase, 1);
    SplitRing ring = open();
    offer(3);
    const auto chain = ring.next();
    ASSERT_TRUE(chain.has_value());
    ring.finish(*chain);
    EXPECT_EQ(used()->idx, 0);
    ring.publish();
    EXPECT_EQ(used()->idx, 1);
    EXPECT_EQ(used()->ring[0].id, 3U);
    EXPECT_EQ(used()->ring[0].len, 0U);
}

TEST_F(SplitRingTest, IndicesWrap)
{
    start_ = std::numeric_limits<std::uint16_t>::max() - 2;
    avail()->idx = used()->idx = start_;
    for (std::uint16_t i = 0; i < kSize; ++i)
        describe(i, kGuestBase + i, 1);
    SplitRing ring = open();
    for (int round = 0; round < 5; ++round) {
        for (std::uint16_t i = 0; i < kSize; ++i)
            offer(i);
        for (std::uint16_t i = 0; i < kSize; ++i) {
            const auto chain = ring.next();
            ASSERT_TRUE(chain && chain->well_formed);
            EXPECT_EQ(chain->head, i);
            ring.finish(*chain);
        }
        ASSERT_FALSE(ring.next().has_value());
        ring.publish();
    }
    EXPECT_EQ(used()->idx, static_cast<std::uint16_t>(start_ + 5 * kSize));
}

TEST_F(SplitRingTest, ALoopEnds)
{
    describe(0, kGuestBase, 1, 1);
    describe(1, kGuestBase, 1, 0);
    EXPECT_FALSE(is_well_formed(0));
}

TEST_F(SplitRingTest, ADescriptorThatFollowsItselfEnds)
{
    describe(4, kGuestBase, 1, 4);
    EXPECT_FALSE(is_well_formed(4));
}

TEST_F(SplitRingTest, AChainAsLongAsTheRingIsNoLoop)
{
    for (std::uint16_t i = 0; i < kSize; ++i)
        describe(i, kGuestBase + i, 1, i + 1 < kSize ? i + 1 : -1);
    EXPECT_TRUE(is_well_formed(0));
}

TEST_F(SplitRingTest, AnIndexBeyondTheTableIsRefused)
{
    EXPECT_FALSE(is_well_formed(kSize));
    describe(0, kGuestBase, 1, kSize);
    EXPECT_FALSE(is_well_formed(0));
}

TEST_F(SplitRingTest, AnAddressOutsideOfTheSharedMemoryIsRefused)
{
    const std::uint64_t end = kGuestBase + memory_.size();
    constexpr std::uint64_t last = std::numeric_limits<std::uint64_t>::max();

    struct Outside {
        std::uint64_t addr;
        std::uint32_t len;
    };

    for (const auto& [addr, len] :
         {Outside{0, 1}, Outside{kGuestBase - 1, 2}, Outside{end, 1}, Outside{end - 1, 2},
          Outside{last, 2}, Outside{kGuestBase, last & 0xFFFFFFFF}}) {
        describe(0, addr, len);
        EXPECT_FALSE(is_well_formed(0)) << addr << " " << len;
    }
    describe(0, end - 1, 1);
    EXPECT_TRUE(is_well_formed(0));
}

TEST_F(SplitRingTest, WhatWasNotNegotiatedIsRefused)
{
    for (const int flag : {VRING_DESC_F_INDIRECT, VRING_DESC_F_WRITE}) {
        describe(0, kGuestBase, 16);
        desc_[0].flags = static_cast<std::uint16_t>(flag);
        EXPECT_FALSE(is_well_formed(0)) << flag;
    }
}

TEST_F(SplitRingTest, AMalformedChainIsGivenBackAndTheNextOneIsTaken)
{
    describe(0, 0, 1);
    describe(1, kGuestBase, 1);
    SplitRing ring = open();
    offer(0);
    offer(1);
    const auto bad = ring.next();
    ASSERT_TRUE(bad && !bad->well_formed);
    ring.finish(*bad);
    const auto good = ring.next();
    ASSERT_TRUE(good && good->well_formed);
    ring.finish(*good);
    ring.publish();
    EXPECT_EQ(used()->ring[0].id, 0U);
    EXPECT_EQ(used()->ring[1].id, 1U);
}

TEST_F(SplitRingTest, MoreThanTheRingHoldsBreaksIt)
{
    SplitRing ring = open();
    avail()->idx = kSize + 1;
    EXPECT_FALSE(ring.next().has_value());
    EXPECT_TRUE(ring.is_broken());
    avail()->idx = 1; // too late
    EXPECT_FALSE(ring.next().has_value());
}

TEST_F(SplitRingTest, DeclinesKicks)
{
    SplitRing ring = open();
    ring.decline_kicks();
    EXPECT_EQ(used()->flags, VRING_USED_F_NO_NOTIFY);
}

TEST(GuestMemory, FindsTheRegionThatHoldsAllOfIt)
{
    std::array<std::byte, 64> low{};
    std::array<std::byte, 64> high{};
    const GuestMemory memory(
        {{.guest_addr = 0x1000, .bytes = low}, {.guest_addr = 0x1040, .bytes = high}});
    EXPECT_EQ(memory.find(0x1000, 64)->data(), low.data());
    EXPECT_EQ(memory.find(0x1050, 8)->data(), high.data() + 16);
    EXPECT_FALSE(memory.find(0x103F, 2).has_value()); // neighbours there need be none here
    EXPECT_TRUE(memory.find(0x1040, 0).has_value());
    EXPECT_FALSE(GuestMemory().find(0, 0).has_value());
}

} // namespace
} // namespace pagewire::dataplane
