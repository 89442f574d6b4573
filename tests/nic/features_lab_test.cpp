// SPDX-License-Identifier: BSD-3-Clause

/// Features and their guard against the real kernel, on a veth pair. Needs root, and fails without.

#include "core/error.hpp"
#include "nic/features.hpp"
#include "nic/link.hpp"
#include "tests/nic/veth_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace pagewire::nic {
namespace {

using testing::HasSubstr;

const std::string kScatterGather = "tx-scatter-gather";
const std::string kTso = "tx-tcp-segmentation";
const std::string kGro = "rx-gro";

using FeaturesTest = VethTest;

TEST_F(FeaturesTest, TableHoldsWhatTheDeviceHasAndWhatItLacks)
{
    const FeatureTable table = read_features(near_, kNearName);
    EXPECT_EQ(table.at(kScatterGather),
              (Feature{.hw = true, .wanted = true, .active = true, .fixed = false}));
    EXPECT_EQ(table.at("tx-fcoe-segmentation"), Feature{})
        << "known to the kernel, not to the device";
    EXPECT_FALSE(table.contains(""));
    EXPECT_GT(table.size(), 40U);
    EXPECT_TRUE(read_features(near_, "lo").at("loopback").active)
        << "another device, another table";
}

TEST_F(FeaturesTest, ScatterGatherOffTakesSegmentationAlongAndBack)
{
    const FeatureTable before = read_features(near_, kNearName);
    set_features(near_, kNearName, {{kScatterGather, false}});
    const FeatureTable off = read_features(near_, kNearName);
    EXPECT_FALSE(off.at(kScatterGather).active);
    EXPECT_FALSE(off.at(kTso).active) << "dependent";
    EXPECT_TRUE(off.at(kTso).wanted) << "still asked for";
    EXPECT_EQ(read_features(far_, kFarName), before) << "each end has its own";

    set_features(near_, kNearName, {{kScatterGather, true}});
    EXPECT_EQ(read_features(near_, kNearName), before);
}

TEST_F(FeaturesTest, ImpossibleStatesAreRefusedBeforeAnyChange)
{
    const FeatureTable before = read_features(near_, kNearName);
    const auto set = [&](const FeatureSettings& settings) {
        return [&, settings] { set_features(near_, kNearName, settings); };
    };
    EXPECT_THAT(thrown_by<core::TransferError>(
                    set({{kScatterGather, false}, {"tx-fcoe-segmentation", true}})),
                HasSubstr("pwnear: feature tx-fcoe-segmentation cannot be turned on: fixed"));
    EXPECT_THAT(
        thrown_by<core::TransferError>(set({{kScatterGather, false}, {"vlan-challenged", true}})),
        HasSubstr("vlan-challenged"));
    EXPECT_THAT(
        thrown_by<core::UsageError>(set({{kScatterGather, false}, {"tx-scater-gather", true}})),
        testing::AllOf(HasSubstr("\"tx-scater-gather\""),
                       HasSubstr("similar names are tx-scatter-gather")));
    EXPECT_THAT(thrown_by<core::UsageError>(set({{"tcp6", true}})),
                HasSubstr("tx-tcp6-segmentation"));
    EXPECT_THROW(set({{"", true}})(), core::UsageError);
    EXPECT_EQ(read_features(near_, kNearName), before);
}

TEST_F(FeaturesTest, FixedFeatureMayBeNamedInTheStateThatItHas)
{
    const FeatureTable before = read_features(near_, kNearName);
    set_features(near_, kNearName, {{"tx-fcoe-segmentation", false}, {"vlan-challenged", false}});
    EXPECT_EQ(read_features(near_, kNearName), before);
}

TEST_F(FeaturesTest, DroppedDependentIsNamedWithItsCause)
{
    EXPECT_THAT(thrown_by<core::TransferError>([&] {
                    set_features(near_, kNearName, {{kScatterGather, false}, {kTso, true}});
                }),
                testing::AllOf(HasSubstr("pwnear: feature tx-tcp-segmentation stays off"),
                               HasSubstr("(asked to be off: tx-scatter-gather)")));
}

TEST_F(FeaturesTest, NoSuchInterfaceIsAUsageError)
{
    for (const std::string name : {"", "nothing", "a-name-too-long-for-the-kernel"}) {
        EXPECT_THROW((void)read_features(near_, name), core::UsageError) << name;
        EXPECT_THROW(set_features(near_, name, {{kScatterGather, false}}), core::UsageError)
            << name;
        EXPECT_THROW(FeatureGuard(near_, name), core::UsageError) << name;
    }
}

using FeatureGuardTest = VethTest;

TEST_F(FeatureGuardTest, RestoresAtItsEnd)
{
    // Not the defaults: what was found is what comes back.
    set_features(near_, kNearName, {{kGro, true}, {"tx-udp-segmentation", false}});
    const FeatureTable before = read_features(near_, kNearName);
    {
        FeatureGuard guard(near_, kNearName);
        EXPECT_EQ(guard.snapshot(), before);
        guard.apply({{kScatterGather, false}, {kGro, false}, {"tx-udp-segmentation", true}});
        const FeatureTable within = read_features(near_, kNearName);
        EXPECT_FALSE(within.at(kScatterGather).active);
        EXPECT_FALSE(within.at(kTso).active);
        EXPECT_FALSE(within.at(kGro).active);
        EXPECT_TRUE(within.at("tx-udp-segmentation").wanted);
    }
    EXPECT_EQ(read_features(near_, kNearName), before);
}

TEST_F(FeatureGuardTest, EachApplyStartsFromTheSnapshot)
{
    const FeatureTable before = read_features(near_, kNearName);
    FeatureGuard guard(near_, kNearName);
    guard.apply({{kScatterGather, false}});
    guard.apply({{kGro, true}});
    FeatureTable expected = before;
    expected.at(kGro).wanted = expected.at(kGro).active = true;
    EXPECT_EQ(read_features(near_, kNearName), expected) << "scatter/gather is back";
    guard.apply({});
    EXPECT_EQ(read_features(near_, kNearName), before);
}

TEST_F(FeatureGuardTest, RestoresWhenAnExceptionFlies)
{
    const FeatureTable before = read_features(near_, kNearName);
    try {
        FeatureGuard guard(near_, kNearName);
        guard.apply({{kScatterGather, false}});
        throw std::runtime_error("a worker died");
    } catch (const std::runtime_error&) {
    }
    EXPECT_EQ(read_features(near_, kNearName), before);
}

TEST_F(FeatureGuardTest, RestoresAfterAnApplyThatFailedHalfWay)
{
    const FeatureTable before = read_features(near_, kNearName);
    {
        FeatureGuard guard(near_, kNearName);
        EXPECT_THROW(guard.apply({{kScatterGather, false}, {kTso, true}}), core::TransferError);
        EXPECT_NE(read_features(near_, kNearName), before);
    }
    EXPECT_EQ(read_features(near_, kNearName), before);
}

TEST_F(FeatureGuardTest, RefusedApplyChangesNothing)
{
    const FeatureTable before = read_features(near_, kNearName);
    FeatureGuard guard(near_, kNearName);
    EXPECT_THROW(guard.apply({{kScatterGather, false}, {"tx-scater-gather", true}}),
                 core::UsageError);
    EXPECT_THROW(guard.apply({{kScatterGather, false}, {"rx-all", true}}), core::TransferError);
    EXPECT_EQ(read_features(near_, kNearName), before);
}

TEST_F(FeatureGuardTest, RestoreUndoesWhatOthersChangedMeanwhile)
{
    const FeatureTable before = read_features(near_, kNearName);
    FeatureGuard guard(near_, kNearName);
    guard.apply({{kScatterGather, false}});
    set_features(near_, kNearName, {{kGro, true}});
    guard.restore();
    EXPECT_EQ(read_features(near_, kNearName), before);
}

TEST_F(FeatureGuardTest, LeavesAloneWhatItNeverChanged)
{
    {
        const FeatureGuard guard(near_, kNearName);
        set_features(near_, kNearName, {{kGro, true}});
    }
    EXPECT_TRUE(read_features(near_, kNearName).at(kGro).active);
}

TEST_F(FeatureGuardTest, IsSilentWhenTheInterfaceIsGone)
{
    testing::internal::CaptureStderr();
    {
        FeatureGuard guard(near_, kNearName);
        guard.apply({{kScatterGather, false}});
        delete_link(near_, kNearName);
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(FeatureGuardTest, FailedRestoreSaysHowToMendIt)
{
    testing::internal::CaptureStderr();
    {
        FeatureGuard guard(near_, kNearName);
        guard.apply({{kScatterGather, false}});
        // Another device in its place, which cannot do what the first could.
        delete_link(near_, kNearName);
        run_inside(near_, "ip link set dev lo name pwnear");
    }
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_THAT(text, HasSubstr("pagewire: pwnear: feature "));
    EXPECT_THAT(text, HasSubstr("to mend it: ethtool -K pwnear "));
    EXPECT_THAT(text, HasSubstr(" tx-scatter-gather on"));
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

} // namespace
} // namespace pagewire::nic
