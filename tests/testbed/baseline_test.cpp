// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/baseline.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pagewire::testbed {
namespace {

core::Method named(std::string_view name)
{
    core::Method method;
    method.name = name;
    return method;
}

const core::Method kBase = named("base");
const core::Method kOther = named("other");

Row row(const core::Method& method, const std::vector<double>& goodputs, std::string arm = {},
        CacheState cache = CacheState::kCold)
{
    Row made;
    made.method = &method;
    made.arm = std::move(arm);
    made.cache = cache;
    for (const double goodput : goodputs) {
        Sample sample;
        sample.round = static_cast<unsigned>(made.samples.size());
        sample.goodput_gbps = goodput;
        made.samples.push_back(sample);
    }
    return made;
}

TEST(Baseline, IsOfTheSameCacheAndArmElseOfTheFirstArm)
{
    const std::vector<Row> rows{row(kBase, {1}, "tso-on"),
                                row(kBase, {1}, "tso-off"),
                                row(kBase, {1}, "tso-on", CacheState::kHot),
                                row(kOther, {1}, "tso-off"),
                                row(kOther, {1}),
                                row(kOther, {1}, "", CacheState::kHot)};
    EXPECT_EQ(baseline_of(rows[3], rows, "base"), &rows[1]);
    EXPECT_EQ(baseline_of(rows[4], rows, "base"), &rows[0]);
    EXPECT_EQ(baseline_of(rows[5], rows, "base"), &rows[2]);
    EXPECT_EQ(baseline_of(rows[0], rows, "base"), nullptr);
    EXPECT_EQ(baseline_of(rows[3], rows, "absent"), nullptr);
}

TEST(Baseline, PairsAreOfOneRound)
{
    std::vector<Row> rows{row(kBase, {10, 20, 40}), row(kOther, {5, 20, 80})};
    // Drift doubles both from round to round: 0.5, 1, 2.
    auto against = against_baseline(rows[1], rows, "base");
    ASSERT_TRUE(against);
    EXPECT_EQ(against->baseline, rows.data());
    EXPECT_EQ(against->ratio.median, 1.0);
    EXPECT_EQ(against->ratio.num_pairs, 3U);

    rows[0].samples[1].error = "a block is bad"; // its pair goes with it
    against = against_baseline(rows[1], rows, "base");
    ASSERT_TRUE(against);
    EXPECT_EQ(against->ratio.median, 1.25);
    EXPECT_EQ(against->ratio.num_pairs, 2U);
}

TEST(Baseline, NothingWithoutAPair)
{
    std::vector<Row> rows{row(kBase, {0}), row(kOther, {5})};
    EXPECT_FALSE(against_baseline(rows[1], rows, "base")); // nothing to divide by
    rows[0].samples.clear();
    EXPECT_FALSE(against_baseline(rows[1], rows, "base"));
}

} // namespace
} // namespace pagewire::testbed
