// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/dry_run.hpp"
#include "tests/testbed/plan_expect.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace pagewire::testbed {
namespace {

TEST(PlanLatency, AbsentIsNoLatencyArm)
{
    EXPECT_FALSE(parsed("").latency);
}

TEST(PlanLatency, EmptyTableIsTheDefaults)
{
    const Plan plan = parsed("[latency]");
    ASSERT_TRUE(plan.latency);
    EXPECT_EQ(plan.latency->sizes, (std::vector<std::uint64_t>{4096, 65'536, 1'048'576}));
    EXPECT_EQ(plan.latency->outstanding, (std::vector<std::uint32_t>{1, 8}));
    EXPECT_EQ(plan.latency->requests, 1000U);
    expect_valid(plan);
}

TEST(PlanLatency, EveryKey)
{
    const Plan plan = parsed(
        "[latency]\nsizes = [\"8 KiB\", 4096]\noutstanding = [64, 2, 1]\nrequests = 1000000");
    ASSERT_TRUE(plan.latency);
    EXPECT_EQ(plan.latency->sizes, (std::vector<std::uint64_t>{8192, 4096}));
    EXPECT_EQ(plan.latency->outstanding, (std::vector<std::uint32_t>{64, 2, 1}));
    EXPECT_EQ(plan.latency->requests, 1'000'000U);
    expect_valid(plan);
}

TEST(PlanLatency, IsWrittenOutAsItWasRead)
{
    const Plan plan = parsed("[latency]\nsizes = [\"8 KiB\"]\noutstanding = [3]\nrequests = 7");
    const Plan again = parsed(plan_toml(plan));
    ASSERT_TRUE(again.latency);
    EXPECT_EQ(again.latency->sizes, plan.latency->sizes);
    EXPECT_EQ(again.latency->outstanding, plan.latency->outstanding);
    EXPECT_EQ(again.latency->requests, 7U);
    EXPECT_FALSE(parsed(plan_toml(Plan{})).latency);
}

TEST(PlanLatency, MistakesAreNamedWithTheirLine)
{
    for (const auto& [text, message] : std::vector<std::pair<std::string_view, std::string>>{
             {"latency = true", "plan.toml:1:11: latency: must be a table, and is a boolean"},
             {"[latency]\nsize = 1", "plan.toml:2:1: unknown key \"size\": the keys of latency are "
                                     "sizes, outstanding, requests"},
             {"[latency]\nsizes = \"4 KiB\"",
              "plan.toml:2:9: latency.sizes: must be an array of sizes, and is a string"},
             {"[latency]\nsizes = [\"4 KiB\",\n\"2 MiB\"]",
              "plan.toml:3:1: latency.sizes[1]: \"2 MiB\" is not possible: write a multiple of 4 "
              "KiB, 4 KiB to 1 MiB"},
             {"[latency]\nsizes = [5000]",
              "plan.toml:2:10: latency.sizes[0]: 5000 is not possible: write a multiple of 4 KiB, "
              "4 KiB to 1 MiB"},
             {"[latency]\noutstanding = 8", "plan.toml:2:15: latency.outstanding: must be an array "
                                            "of integers, and is an integer"},
             {"[latency]\noutstanding = [0]",
              "plan.toml:2:16: latency.outstanding[0]: 0 is not possible: write 1 to 64"},
             {"[latency]\noutstanding = [1.0]",
              "plan.toml:2:16: latency.outstanding[0]: must be an "
              "integer, and is a floating-point number"},
             {"[latency]\nrequests = 0",
              "plan.toml:2:12: latency.requests: 0 is not possible: write 1 to 1000000"}})
        EXPECT_EQ(parse_error(text), message) << text;
}

TEST(PlanLatency, FinishedPlansAreChecked)
{
    const auto invalid_with = [](const LatencyPlan& latency) {
        Plan plan;
        plan.latency = latency;
        return invalid(plan);
    };
    EXPECT_EQ(invalid_with({.sizes = {}}),
              "latency.sizes: is empty: name a size, or leave the key away");
    EXPECT_EQ(invalid_with({.outstanding = {}}),
              "latency.outstanding: is empty: name a number, or leave the key away");
    EXPECT_EQ(invalid_with({.sizes = {4096, 8192, 4096}}),
              "latency.sizes: \"4 KiB\" stands there twice: leave one away");
    EXPECT_EQ(invalid_with({.outstanding = {8, 8}}),
              "latency.outstanding: \"8\" stands there twice: leave one away");
    EXPECT_EQ(invalid_with({.sizes = {4097}}), "latency.sizes: 4097 B is not possible: write a "
                                               "multiple of 4 KiB, 4 KiB to 1 MiB");
    EXPECT_EQ(invalid_with({.outstanding = {65}}),
              "latency.outstanding: 65 is not possible: write 1 to 64");
    EXPECT_EQ(invalid_with({.requests = 0}),
              "latency.requests: 0 is not possible: write 1 to 1000000");
}

} // namespace
} // namespace pagewire::testbed
