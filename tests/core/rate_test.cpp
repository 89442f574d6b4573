// SPDX-License-Identifier: BSD-3-Clause
#include "core/rate.hpp"

#include "core/error.hpp"
#include "tests/support/thrown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace pagewire::core {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ParseRate, GigabitsOfPayload)
{
    for (const char* text : {"5", "5Gbps", "5 Gbps", "5Gb/s", "5 Gb/s", "5.0", "5e0"})
        EXPECT_EQ(parse_rate(text), Rate{.gbps = 5}) << text;
    EXPECT_EQ(parse_rate("0.25"), Rate{.gbps = 0.25});
    EXPECT_EQ(parse_rate("400Gb/s"), Rate{.gbps = 400});
}

TEST(ParseRate, Packets)
{
    for (const char* text : {"200000pps", "200000 pps", "200kpps", "200 kpps", "0.2Mpps"})
        EXPECT_EQ(parse_rate(text), Rate{.packets_per_s = 200e3}) << text;
    EXPECT_EQ(parse_rate("1.5Mpps"), Rate{.packets_per_s = 1.5e6});
    EXPECT_EQ(parse_rate("0.5pps"), Rate{.packets_per_s = 0.5});
}

TEST(ParseRate, ZeroOfEitherIsNoLimit)
{
    for (const char* text : {"0", "0.0", "0Gbps", "0pps", "0 Mpps"})
        EXPECT_FALSE(parse_rate(text).is_limited()) << text;
    EXPECT_TRUE(parse_rate("0.001").is_limited());
    EXPECT_TRUE(parse_rate("1pps").is_limited());
}

TEST(ParseRate, WhatIsNoRateIsQuotedBesideTheForms)
{
    for (const std::string text :
         {"",      " ",         "Gbps",   "-1",     "-5pps", "inf",   "nan",   "infpps",
          "1e999", "1e308Mpps", "5 GBps", "5 gbps", "5Mbps", "5Kpps", "5mpps", "5 pp",
          "5ppss", " 5",        "5 ",     "5\n",    "5,5",   "0x5"})
        EXPECT_THAT(tests::thrown<UsageError>([&] { (void)parse_rate(text); }),
                    AllOf(HasSubstr("'" + text + "' is not a rate: "), HasSubstr("5Gb/s"),
                          HasSubstr("200kpps"), HasSubstr("1.5Mpps")))
            << text;
}

TEST(Rate, IsValidWithOneFiniteFigureAtMost)
{
    EXPECT_TRUE(Rate{}.is_valid());
    EXPECT_TRUE(Rate{.gbps = 1}.is_valid());
    EXPECT_TRUE(Rate{.packets_per_s = 1}.is_valid());
    EXPECT_FALSE((Rate{.gbps = 1, .packets_per_s = 1}.is_valid()));
    for (const double figure : {-1.0, std::nan(""), double{INFINITY}}) {
        EXPECT_FALSE(Rate{.gbps = figure}.is_valid());
        EXPECT_FALSE(Rate{.packets_per_s = figure}.is_valid());
    }
}

} // namespace
} // namespace pagewire::core
