// SPDX-License-Identifier: BSD-3-Clause
// Each check must fail on a device that lies about what it checks, and on an honest one none may.
// Needs root, and fails without.
#include "nic/checks/runner.hpp"
#include "nic/checks/timestamps.hpp"
#include "nic/checks/xsk_probe.hpp"
#include "tests/nic/lies.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <atomic>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace pagewire::nic {
namespace {

const std::atomic<bool> kNeverInterrupted{false};

std::string text_of(const CheckResult& result)
{
    std::string text = fmt::format("{}: {}: {} ({:.1f} s)", result.check->name,
                                   core::name_of(kVerdictNames, result.finding.verdict),
                                   result.finding.reason, result.seconds.count());
    for (const Observation& seen : result.finding.observations)
        text += fmt::format("\n    {} {}", seen.arm, seen.text);
    return text;
}

/// Asked of the check: it skips where there are none.
bool has_vlan_interfaces()
{
    SoftwareNic nic;
    Rig rig(nic.near(), nic.far(), kNeverInterrupted);
    return find_check("vlan")->run(rig).verdict != Verdict::kSkip;
}

TEST(HonestDevice, FailsNoCheckAndIsSeenToCut)
{
    SoftwareNic nic;
    Rig rig(nic.near(), nic.far(), kNeverInterrupted);
    for (const CheckResult& result : run_checks(rig, checks(), {})) {
        EXPECT_NE(result.finding.verdict, Verdict::kFail) << text_of(result);
        for (const Observation& seen : result.finding.observations)
            EXPECT_THAT(seen.text, testing::Not(testing::HasSubstr("uncut")));
    }
    EXPECT_GT(nic.num_cuts(), 100U);
}

using CheckNames = std::set<std::string_view>;

struct Case {
    const char* name;
    Lie lie;
    CheckNames failing;       ///< every time
    CheckNames framed;        ///< of them, those with a frame that shows it
    CheckNames may_fail = {}; ///< where one of few packets has to be hit
};

std::ostream& operator<<(std::ostream& out, const Case& one)
{
    return out << one.name;
}

class LyingDevice : public testing::TestWithParam<Case> {};

TEST_P(LyingDevice, FailsTheChecksThatConcernIt)
{
    const Case& given = GetParam();
    if (given.failing == CheckNames{"vlan"} && !has_vlan_interfaces())
        GTEST_SKIP() << "this kernel has no VLAN interfaces: nobody sends a tag";
    SoftwareNic nic;
    Rig rig(nic.near(), nic.far(), kNeverInterrupted);
    nic.set_lie(given.lie);
    CheckNames failing;
    for (const CheckResult& result : run_checks(rig, checks(), {})) {
        const std::string_view name = result.check->name;
        if (result.finding.verdict != Verdict::kFail)
            continue;
        if (!given.may_fail.contains(name))
            failing.insert(name);
        EXPECT_TRUE(given.failing.contains(name) || given.may_fail.contains(name))
            << text_of(result);
        EXPECT_TRUE(!result.finding.frame.empty() || !given.framed.contains(name))
            << "no frame shows it: " << text_of(result);
    }
    EXPECT_GT(nic.num_lies(), 0U) << "the lie was never told";
    EXPECT_EQ(failing, given.failing);
}

constexpr std::uint8_t kTcp = IPPROTO_TCP;
constexpr std::uint8_t kUdp = IPPROTO_UDP;

std::vector<Case> cases()
{
    const CheckNames few_datagrams{"mtu-edge", "jumbo"};
    const CheckNames udp_checks{"tx-checksum", "udp-segmentation", "udp-gro", "xdp-tx-checksum"};
    const CheckNames xdp_checks{"xdp-copy", "xdp-segments", "xdp-tx-checksum", "xdp-need-wakeup"};
    const CheckNames only_tso{"tso"};
    const CheckNames all_streams{"tso", "toggle"};
    const CheckNames only_udp_segmentation{"udp-segmentation"};
    // clang-format off
    return {
        {"tcp4_checksum", lies::wrong_checksum(IpVersion::k4, kTcp),
         {"tx-checksum", "tso", "gso"}, {"tx-checksum", "tso", "gso"}},
        {"tcp6_checksum", lies::wrong_checksum(IpVersion::k6, kTcp),
         {"tx-checksum", "tso"}, {"tx-checksum", "tso"}},
        {"udp4_checksum", lies::wrong_checksum(IpVersion::k4, kUdp),
         udp_checks, {"tx-checksum", "udp-segmentation", "xdp-tx-checksum"}, few_datagrams},
        {"udp6_checksum", lies::wrong_checksum(IpVersion::k6, kUdp),
         udp_checks, {"tx-checksum", "udp-segmentation", "xdp-tx-checksum"}, few_datagrams},
        {"udp_payload", lies::changed_payload(kUdp),
         {"tx-checksum", "rx-checksum", "udp-segmentation", "udp-gro", "xdp-copy", "xdp-segments",
          "xdp-tx-checksum"}, {"xdp-copy", "xdp-segments", "xdp-tx-checksum"}, few_datagrams},
        {"tcp_payload", lies::changed_payload(kTcp),
         {"tx-checksum", "rx-checksum", "tso", "gso", "gro", "jumbo"}, {}, {"toggle"}},
        {"damage_hidden", lies::damage_hidden(), {"rx-checksum", "xdp-tx-checksum"},
         {"rx-checksum", "xdp-tx-checksum"}},
        {"damage_signed", lies::damage_signed(), {"rx-checksum", "xdp-tx-checksum"},
         {"rx-checksum", "xdp-tx-checksum"}},
        {"tcp_half_size", lies::wrong_size(kTcp, 50), only_tso, only_tso},
        {"tcp_above_mtu", lies::wrong_size(kTcp, 101), only_tso, only_tso},
        {"tcp_two_in_one", lies::wrong_size(kTcp, 200), only_tso, only_tso},
        {"same_ip_id", lies::same_ip_id(), only_tso, only_tso},
        {"push_everywhere", lies::push_everywhere(), only_tso, only_tso},
        {"push_lost", lies::push_lost(), only_tso, only_tso},
        {"ip_checksum", lies::wrong_ip_checksum(), only_tso, only_tso},
        {"segment_checksum", lies::wrong_segment_checksum(kTcp), only_tso, only_tso},
        {"sequence", lies::wrong_sequence(), all_streams, only_tso},
        {"segment_lost", lies::segment_lost(kTcp), only_tso, {}},
        {"segment_changed", lies::segment_changed(kTcp), all_streams, only_tso},
        {"udp_half_size", lies::wrong_size(kUdp, 50),
         only_udp_segmentation, only_udp_segmentation},
        {"udp_above_size", lies::wrong_size(kUdp, 110),
         only_udp_segmentation, only_udp_segmentation},
        {"udp_segment_lost", lies::segment_lost(kUdp), only_udp_segmentation, {}},
        {"udp_segment_changed", lies::segment_changed(kUdp),
         only_udp_segmentation, only_udp_segmentation},
        {"udp_segment_checksum", lies::wrong_segment_checksum(kUdp),
         only_udp_segmentation, only_udp_segmentation},
        {"merged", lies::merged(false), {"gro"}, {}},
        {"merged_damaged", lies::merged(true),
         {"tx-checksum", "tso", "gso", "gro", "jumbo"}, {}, {"toggle"}},
        {"tag_lost", lies::tag_lost(), {"vlan"}, {}},
        {"tag_changed", lies::tag_changed(), {"vlan"}, {}},
        {"mtu_lost", lies::long_lost(1500),
         {"mtu-edge", "jumbo", "xdp-copy", "xdp-need-wakeup"}, {"xdp-copy"}},
        {"probe_lost", lies::datagrams_lost(kProbePort), xdp_checks, {"xdp-copy"}},
        {"jumbo_lost", lies::long_lost(1501), {"jumbo"}, {}},
    };
    // clang-format on
}

INSTANTIATE_TEST_SUITE_P(All, LyingDevice, testing::ValuesIn(cases()),
                         [](const auto& given) { return std::string(given.param.name); });

/// Tells of skbs what it was made to tell, state by state.
class ScriptedWatch final : public SkbWatch {
  public:
    explicit ScriptedWatch(std::vector<SkbPlaces> places) : places_(std::move(places)) {}

    [[nodiscard]] core::Support support() const override { return {}; }

    void start(int, const NetNamespace&, const std::string&, std::uint32_t, std::uint16_t) override
    {}

    [[nodiscard]] SkbPlaces stop() override { return places_.at(num_stops_++); }

  private:
    std::vector<SkbPlaces> places_; ///< on, off
    std::size_t num_stops_ = 0;
};

Finding judge_places(const SkbPlaces& on, const SkbPlaces& off)
{
    SoftwareNic nic;
    ScriptedWatch watch({on, off});
    Rig rig(nic.near(), nic.far(), kNeverInterrupted, &watch);
    return find_check("scatter-gather")->run(rig);
}

TEST(LyingWatch, FailsScatterGather)
{
    constexpr std::uint64_t all = std::uint64_t{4} << 20U;
    const SkbPlaces file{.in_file_pages = all};
    const SkbPlaces copied{.in_linear_area = all};
    const SkbPlaces fragments{.in_private_pages = all};
    const SkbPlaces too_few{.in_file_pages = all / 2};
    EXPECT_EQ(judge_places(file, copied).verdict, Verdict::kPass);
    EXPECT_EQ(judge_places(file, file).verdict, Verdict::kFail) << "off, and not copied";
    EXPECT_EQ(judge_places(file, fragments).verdict, Verdict::kFail) << "off, and in fragments";
    EXPECT_EQ(judge_places(too_few, copied).verdict, Verdict::kFail) << "half of it unseen";
    EXPECT_EQ(judge_places(copied, copied).verdict, Verdict::kNotInEffect);
}

Finding judged(const std::vector<std::uint64_t>& stamps)
{
    Judgement judgement;
    judge_stamps("transmit", stamps, judgement);
    return std::move(judgement).finish();
}

TEST(JudgeStamps, EachIsThereAndLaterThanTheOneBefore)
{
    EXPECT_EQ(judged({5, 6, 9}).verdict, Verdict::kPass);
    EXPECT_EQ(judged({5, 0, 9}).verdict, Verdict::kFail);
    EXPECT_EQ(judged({5, 5, 9}).verdict, Verdict::kFail);
    EXPECT_EQ(judged({5, 9, 8}).verdict, Verdict::kFail);
    EXPECT_EQ(judged({0, 0, 0}).verdict, Verdict::kNotInEffect);
}

TEST(EveryCheck, IsSeenToFail)
{
    const std::map<std::string_view, std::string_view> elsewhere{
        {"scatter-gather", "LyingWatch: what it sees is no frame"},
        {"gro-hw", "no virtual device has the feature; check_merging() judges, as for gro"},
        {"lro", "no virtual device has the feature; check_merging() judges, as for gro"},
        {"rss", "the software NIC has one queue; a device that spreads nothing is not in effect"},
        {"ring-resize", "no virtual device has rings; its stream is judged as that of toggle"},
        {"xdp-zerocopy", "no virtual device has it; send_and_judge() judges, as for xdp-copy"},
        {"xdp-tx-timestamp", "no virtual device has them: JudgeStamps"},
        {"hw-timestamps", "no virtual device has them: JudgeStamps"},
    };
    CheckNames failing;
    for (const Case& one : cases())
        failing.insert(one.failing.begin(), one.failing.end());
    for (const Check* check : checks())
        EXPECT_TRUE(failing.contains(check->name) || elsewhere.contains(check->name))
            << check->name << ": no device lies about what it checks";
    for (const auto& [name, why] : elsewhere)
        EXPECT_NE(find_check(name), nullptr) << name << ": " << why;
    for (const std::string_view name : failing)
        EXPECT_NE(find_check(name), nullptr) << name;
}

} // namespace
} // namespace pagewire::nic
