// SPDX-License-Identifier: BSD-3-Clause
#include "core/units.hpp"

#include "core/error.hpp"
#include "tests/support/random_bytes.hpp"
#include "tests/support/thrown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace pagewire::core {
namespace {

using ::testing::HasSubstr;

static_assert(round_up(0U, 4096) == 0 && round_up(1U, 4096) == 4096 &&
              round_up(4096U, 4096) == 4096);
static_assert(round_up(4097U, 4096) == 8192 && round_up(7U, 3) == 9);
static_assert(round_down(0U, 4096) == 0 && round_down(4095U, 4096) == 0 &&
              round_down(8191U, 4096) == 4096);
static_assert(round_up<std::uint64_t>(5 * kGiB + 1, kGiB) == 6 * kGiB);

TEST(ParseBytes, UnitsAndTheirShortForms)
{
    EXPECT_EQ(parse_bytes("0"), 0U);
    EXPECT_EQ(parse_bytes("4096"), 4096U);
    EXPECT_EQ(parse_bytes("4096B"), 4096U);
    for (const char* text : {"64KiB", "64 KiB", "64K", "64 K"})
        EXPECT_EQ(parse_bytes(text), 64 * kKiB) << text;
    for (const char* text : {"256MiB", "256 MiB", "256M"})
        EXPECT_EQ(parse_bytes(text), 256 * kMiB) << text;
    for (const char* text : {"3GiB", "3 GiB", "3G"})
        EXPECT_EQ(parse_bytes(text), 3 * kGiB) << text;
}

TEST(ParseBytes, UpToWhatAFileOffsetHolds)
{
    EXPECT_EQ(parse_bytes("9223372036854775807"),
              std::uint64_t{std::numeric_limits<std::int64_t>::max()});
    EXPECT_EQ(parse_bytes("8589934591GiB"), 8589934591 * kGiB);
    for (const char* text : {"9223372036854775808", "8589934592GiB", "18446744073709551615",
                             "18446744073709551616", "99999999999999999999999G"})
        EXPECT_THROW((void)parse_bytes(text), UsageError) << text;
}

TEST(ParseBytes, WhatIsNoSizeIsQuoted)
{
    for (const std::string text : {"", " ", "KiB", "-1", "+1", "1.5GiB", "0x10", "12KB", "12kib",
                                   "12 KiBs", "1 2", "12\n", " 12", "1EiB", "8192PiB", "KiB12"})
        EXPECT_THAT(tests::thrown<UsageError>([&] { (void)parse_bytes(text); }),
                    HasSubstr("'" + text + "'"));
}

TEST(FormatBytes, ExactWhereItCanBe)
{
    EXPECT_EQ(format_bytes(0), "0 B");
    EXPECT_EQ(format_bytes(1), "1 B");
    EXPECT_EQ(format_bytes(1023), "1023 B");
    EXPECT_EQ(format_bytes(1024), "1 KiB");
    EXPECT_EQ(format_bytes(4097), "4097 B");
    EXPECT_EQ(format_bytes(64 * kKiB), "64 KiB");
    EXPECT_EQ(format_bytes(256 * kMiB), "256 MiB");
    EXPECT_EQ(format_bytes(7 * kGiB), "7 GiB");
    EXPECT_EQ(format_bytes(5000 * kGiB), "4.9 TiB");
}

TEST(FormatBytes, ElseOneDecimal)
{
    EXPECT_EQ(format_bytes(kGiB + kGiB / 2), "1.5 GiB");
    EXPECT_EQ(format_bytes(3 * kMiB / 2), "1.5 MiB");
    EXPECT_EQ(format_bytes(10 * kMiB + 1), "10.0 MiB");
}

/// A text without a decimal point says the very number; one with it is off by half a digit at most.
TEST(FormatBytes, NeverSaysAnotherNumber)
{
    tests::Random random(1);
    for (int i = 0; i < 20000; ++i) {
        const std::uint64_t bytes = random() >> (2 + tests::below(random, 62));
        const std::string text = format_bytes(bytes);
        if (text.find('.') == std::string::npos) {
            EXPECT_EQ(parse_bytes(text), bytes) << text;
            continue;
        }
        const double unit = static_cast<double>(parse_bytes("1" + text.substr(text.find(' ') + 1)));
        EXPECT_NEAR(std::stod(text) * unit, static_cast<double>(bytes), 0.0501 * unit) << text;
    }
}

TEST(GigabitsPerSecond, BitsOverNanoseconds)
{
    EXPECT_DOUBLE_EQ(gigabits_per_second(1'250'000'000, 1'000'000'000), 10.0);
    EXPECT_DOUBLE_EQ(gigabits_per_second(1, 8), 1.0);
    EXPECT_DOUBLE_EQ(gigabits_per_second(0, 5), 0.0);
    EXPECT_DOUBLE_EQ(gigabits_per_second(5, 0), 0.0);
}

} // namespace
} // namespace pagewire::core
