// SPDX-License-Identifier: BSD-3-Clause
// Every check on the veth lab, for real. Needs root, and fails without.
#include "core/error.hpp"
#include "nic/checks/lab.hpp"
#include "nic/checks/runner.hpp"
#include "nic/device_state.hpp"
#include "nic/features.hpp"
#include "tests/support/thrown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <optional>
#include <string>

namespace pagewire::nic {
namespace {

using testing::HasSubstr;

const std::atomic<bool> kNeverInterrupted{false};

/// What a check may change of an end.
struct EndState {
    FeatureTable features;
    std::uint32_t mtu = 0;
    std::optional<std::uint32_t> ipv4;

    bool operator==(const EndState&) const = default;
};

EndState state_of(const RigEnd& end)
{
    return {.features = read_features(*end.netns, end.interface),
            .mtu = link_facts(*end.netns, end.interface).mtu,
            .ipv4 = first_address(*end.netns, end.interface)};
}

TEST(ChecksOnVeth, EachHasAVerdictWithItsEvidenceAndPutsEverythingBack)
{
    const auto lab = open_veth_check_lab();
    const EndState near = state_of(lab->near());
    const EndState far = state_of(lab->far());
    {
        Rig rig(lab->near(), lab->far(), kNeverInterrupted);
        const EndState with_addresses = state_of(lab->near());
        for (const Check* check : checks()) {
            const auto results = run_checks(rig, {&check, 1}, {});
            ASSERT_EQ(results.size(), 1U);
            const Finding& finding = results.front().finding;
            EXPECT_NE(finding.verdict, Verdict::kFail) << check->name << ": " << finding.reason;
            const bool skipped = finding.verdict == Verdict::kSkip;
            EXPECT_EQ(finding.observations.empty(), skipped) << check->name;
            EXPECT_FALSE(skipped && finding.reason.empty()) << check->name;
            EXPECT_EQ(state_of(lab->near()), with_addresses) << check->name;
        }
    }
    lab->near().guard->restore();
    lab->far().guard->restore();
    EXPECT_EQ(state_of(lab->near()), near);
    EXPECT_EQ(state_of(lab->far()), far);
}

/// What veth has must be tried on veth: a check that skips here would pass unseen everywhere.
TEST(ChecksOnVeth, SkipWhatVethHasNotAndNothingElse)
{
    const auto lab = open_veth_check_lab();
    Rig rig(lab->near(), lab->far(), kNeverInterrupted);
    for (const CheckResult& result : run_checks(rig, checks(), {})) {
        if (result.finding.verdict != Verdict::kSkip)
            continue;
        EXPECT_THAT((std::array{"scatter-gather", "gro-hw", "lro", "vlan", "ring-resize",
                                "xdp-zerocopy", "xdp-tx-timestamp", "hw-timestamps"}),
                    testing::Contains(std::string(result.check->name)))
            << result.finding.reason;
    }
}

/// A veth pair of any MTU.
class LabOfMtu {
  public:
    explicit LabOfMtu(std::uint32_t mtu)
    {
        create_veth_pair(near_, far_, {.near_name = "mtu0", .far_name = "mtu1", .mtu = mtu});
        set_link_up(near_, "mtu0");
        set_link_up(far_, "mtu1");
        near_guard_.emplace(near_, "mtu0");
        far_guard_.emplace(far_, "mtu1");
    }

    RigEnd near() { return {.netns = &near_, .interface = "mtu0", .guard = &*near_guard_}; }

    RigEnd far() { return {.netns = &far_, .interface = "mtu1", .guard = &*far_guard_}; }

  private:
    NetNamespace near_ = NetNamespace::create_anonymous();
    NetNamespace far_ = NetNamespace::create_anonymous();
    std::optional<DeviceGuard> near_guard_;
    std::optional<DeviceGuard> far_guard_;
};

class ChecksOnMtu : public testing::TestWithParam<std::uint32_t> {};

/// No IPv6 below 1280, no send with room for two packets at the largest: nothing fails for it.
TEST_P(ChecksOnMtu, NoneFails)
{
    LabOfMtu lab(GetParam());
    Rig rig(lab.near(), lab.far(), kNeverInterrupted);
    for (const CheckResult& result : run_checks(rig, checks(), {}))
        EXPECT_NE(result.finding.verdict, Verdict::kFail)
            << result.check->name << ": " << result.finding.reason;
    EXPECT_EQ(find_check("mtu-edge")->run(rig).verdict, Verdict::kPass);
}

INSTANTIATE_TEST_SUITE_P(Extremes, ChecksOnMtu, testing::Values(kMtuMin, 1280U, kMtuMax));

TEST(CheckRig, AnEndThatIsDownIsNamed)
{
    const auto lab = open_veth_check_lab();
    set_link_down(*lab->far().netns, lab->far().interface);
    EXPECT_EQ(tests::thrown<core::UsageError>(
                  [&] { const Rig rig(lab->near(), lab->far(), kNeverInterrupted); }),
              "check1 is down: ip link set check1 up");
}

TEST(CheckRig, APeerThatDoesNotAnswerIsNamed)
{
    const auto lab = open_veth_check_lab();
    const auto other = open_veth_check_lab(); // its far end is no peer of the first one's near end
    EXPECT_THAT(
        tests::thrown<core::UsageError>(
            [&] { const Rig rig(lab->near(), other->far(), kNeverInterrupted); }),
        HasSubstr("check1 does not answer: nothing sent over IPv4 from check0 arrives there"));
}

TEST(CheckRig, AnInterruptionEndsItBeforeTheNextCheck)
{
    const auto lab = open_veth_check_lab();
    std::atomic<bool> interrupted{false};
    Rig rig(lab->near(), lab->far(), interrupted);
    interrupted.store(true);
    EXPECT_EQ(tests::thrown<core::UsageError>([&] { (void)run_checks(rig, checks(), {}); }),
              "interrupted");
}

/// A check that throws has failed, and the next one runs.
TEST(RunChecks, AnErrorIsAFailureOfThatCheckAlone)
{
    const auto lab = open_veth_check_lab();
    Rig rig(lab->near(), lab->far(), kNeverInterrupted);
    static const Check throwing{.name = "throwing", .summary = "", .run = [](Rig& r) -> Finding {
                                    r.near.guard.set_mtu(1400);
                                    throw core::TransferError("the capture had no room");
                                }};
    const std::array<const Check*, 2> chosen{&throwing, find_check("mtu-edge")};
    const auto results = run_checks(rig, chosen, {});
    ASSERT_EQ(results.size(), 2U);
    EXPECT_EQ(results[0].finding.verdict, Verdict::kFail);
    EXPECT_EQ(results[0].finding.reason, "the capture had no room");
    EXPECT_EQ(results[1].finding.verdict, Verdict::kPass);
    EXPECT_EQ(link_facts(*lab->near().netns, "check0").mtu, 1500U);
}

/// A device that a check has been the end of: that check has failed, and nothing passes after it.
TEST(RunChecks, ADeviceThatDoesNotComeBackFailsTheCheckAndTheRestIsSkipped)
{
    const auto lab = open_veth_check_lab();
    Rig rig(lab->near(), lab->far(), kNeverInterrupted);
    static const Check deadly{.name = "deadly", .summary = "", .run = [](Rig& r) {
                                  delete_link(r.near.netns, r.near.interface);
                                  Judgement judgement;
                                  judgement.observe("on", "all was well");
                                  return std::move(judgement).finish();
                              }};
    const std::array<const Check*, 2> chosen{&deadly, find_check("mtu-edge")};
    const auto results = run_checks(rig, chosen, {});
    ASSERT_EQ(results.size(), 2U);
    EXPECT_EQ(results[0].finding.verdict, Verdict::kFail);
    EXPECT_THAT(results[0].finding.reason, testing::StartsWith("after it: no interface"));
    EXPECT_EQ(results[1].finding.verdict, Verdict::kSkip);
    EXPECT_EQ(results[1].finding.reason, "not tried: the link did not come back after deadly");
}

TEST(Judgement, TheWorstCountsAndNothingSeenIsNoPass)
{
    const auto verdict = [](const std::function<void(Judgement&)>& say) {
        Judgement judgement;
        say(judgement);
        return std::move(judgement).finish();
    };
    EXPECT_EQ(verdict([](Judgement&) {}).verdict, Verdict::kSkip);
    EXPECT_NE(verdict([](Judgement&) {}).reason, "");
    EXPECT_EQ(verdict([](Judgement& j) { j.observe("on", "seen"); }).verdict, Verdict::kPass);
    EXPECT_EQ(verdict([](Judgement& j) {
                  j.observe("on", "seen");
                  j.not_in_effect("no difference");
              }).verdict,
              Verdict::kNotInEffect);
    const Finding failed = verdict([](Judgement& j) {
        j.observe("on", "seen");
        j.not_in_effect("no difference");
        j.fail("first", std::array{std::byte{1}});
        j.fail("second");
    });
    EXPECT_EQ(failed.verdict, Verdict::kFail);
    EXPECT_EQ(failed.reason, "first");
    EXPECT_EQ(failed.frame.size(), 1U);
}

} // namespace
} // namespace pagewire::nic
