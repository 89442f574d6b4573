// SPDX-License-Identifier: BSD-3-Clause
#include "core/rx_moderation.hpp"

#include <gtest/gtest.h>

namespace pagewire::core {
namespace {

TEST(RxModeration, WaitsInTheSocketUntilSomethingHasCome)
{
    RxModeration moderation;
    moderation.note(false);
    EXPECT_FALSE(moderation.is_flowing());
    moderation.note(true);
    EXPECT_TRUE(moderation.is_flowing());
}

TEST(RxModeration, SleepsByTheClockWhileDataFlows)
{
    RxModeration moderation;
    moderation.note(true);
    const auto before = RxModeration::Clock::now();
    moderation.note(false);
    const bool was_still = RxModeration::Clock::now() - before >= RxModeration::kStill;
    EXPECT_GE(RxModeration::Clock::now() - before, RxModeration::kMoment);
    EXPECT_TRUE(moderation.is_flowing() || was_still) << "one empty look ends no flow";
}

TEST(RxModeration, GoesBackToTheSocketWhenNothingMoreComes)
{
    RxModeration moderation;
    moderation.note(true);
    const auto begun = RxModeration::Clock::now();
    while (moderation.is_flowing())
        moderation.note(false);
    EXPECT_GE(RxModeration::Clock::now() - begun, RxModeration::kStill);
}

} // namespace
} // namespace pagewire::core
