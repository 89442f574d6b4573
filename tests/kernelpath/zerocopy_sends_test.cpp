// SPDX-License-Identifier: BSD-3-Clause
#include "kernelpath/zerocopy_sends.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace pagewire::kernelpath {
namespace {

TEST(ZerocopySends, BufferIsFreeWhenItsLastSendIsComplete)
{
    ZerocopySends sends(2, 8);
    sends.sent(0); // 0
    sends.sent(0); // 1: the rest of a short send
    sends.sent(1); // 2
    EXPECT_TRUE(sends.complete(0, 0));
    EXPECT_TRUE(sends.is_in_use(0));
    EXPECT_TRUE(sends.complete(1, 2));
    EXPECT_FALSE(sends.is_in_use(0));
    EXPECT_FALSE(sends.is_in_use(1));
    EXPECT_EQ(sends.num_under_way(), 0U);
}

TEST(ZerocopySends, CompletionsComeInAnyOrder)
{
    ZerocopySends sends(4, 8);
    for (std::size_t buffer = 0; buffer < 4; ++buffer)
        sends.sent(buffer);
    EXPECT_TRUE(sends.complete(2, 3));
    EXPECT_TRUE(sends.is_in_use(0));
    EXPECT_TRUE(sends.is_in_use(1));
    EXPECT_FALSE(sends.is_in_use(2));
    EXPECT_TRUE(sends.complete(1, 1));
    EXPECT_TRUE(sends.is_in_use(0));
    EXPECT_TRUE(sends.complete(0, 0));
    EXPECT_EQ(sends.num_under_way(), 0U);
}

TEST(ZerocopySends, NumbersWrap)
{
    ZerocopySends sends(1, 4, UINT32_MAX - 1);
    sends.sent(0); // UINT32_MAX - 1
    sends.sent(0); // UINT32_MAX
    sends.sent(0); // 0
    EXPECT_TRUE(sends.complete(UINT32_MAX, 0));
    EXPECT_EQ(sends.num_under_way(), 1U);
    EXPECT_TRUE(sends.complete(UINT32_MAX - 1, UINT32_MAX - 1));
    EXPECT_FALSE(sends.is_in_use(0));
}

TEST(ZerocopySends, RoomIsTheOldestSends)
{
    ZerocopySends sends(1, 2);
    sends.sent(0);
    sends.sent(0);
    EXPECT_FALSE(sends.has_room());
    EXPECT_TRUE(sends.complete(1, 1)); // not the oldest
    EXPECT_FALSE(sends.has_room());
    EXPECT_TRUE(sends.complete(0, 0));
    EXPECT_TRUE(sends.has_room());
}

TEST(ZerocopySends, WhatIsNotUnderWayIsRefusedAndChangesNothing)
{
    ZerocopySends sends(1, 4);
    sends.sent(0);                      // 0
    sends.sent(0);                      // 1
    EXPECT_FALSE(sends.complete(0, 2)); // 2 was never sent
    EXPECT_FALSE(sends.complete(1, 0)); // backwards
    EXPECT_FALSE(sends.complete(UINT32_MAX, 0));
    EXPECT_EQ(sends.num_under_way(), 2U);
    EXPECT_TRUE(sends.complete(0, 0));
    EXPECT_FALSE(sends.complete(0, 1)); // 0 a second time
    EXPECT_EQ(sends.num_under_way(), 1U);
    EXPECT_TRUE(sends.is_in_use(0));
}

} // namespace
} // namespace pagewire::kernelpath
