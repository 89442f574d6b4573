// SPDX-License-Identifier: BSD-3-Clause
// What was given to the device against what arrived: judged without a device.
#include "nic/checks/segments.hpp"
#include "tests/nic/packet_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace pagewire::nic {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint16_t kSegment = 1000;
constexpr std::size_t kLast = 3;     // index of the last segment
constexpr std::size_t kPayload = 14; // the Ethernet header's end; IPv4 follows
constexpr std::size_t kIdAt = kPayload + 4;
constexpr std::size_t kTcpAt = kPayload + 20;

const PacketSpec kSend{.ip_id = 65534,
                       .sequence = 0xfffffc00, // wraps within
                       .flags = kAck | kPush | kFin,
                       .payload_bytes = 3 * kSegment + 7};

std::vector<Octets> honest(const PacketSpec& send)
{
    const Octets frame = build(send);
    return cut_frame(frame, segment_sizes(send.payload_bytes, kSegment));
}

struct Judged {
    Finding finding;
    SegmentCounts counts;
};

Judged judge(const std::vector<CapturedPacket>& given, std::vector<Octets> arrived,
             const SegmentConfig& config = {.what = "test", .mtu = 1500},
             const std::function<void(std::vector<CapturedPacket>&)>& change = {})
{
    std::vector<CapturedPacket> packets;
    packets.reserve(arrived.size());
    for (Octets& octets : arrived)
        packets.push_back(captured(std::move(octets)));
    if (change)
        change(packets);
    Judgement judgement;
    const SegmentCounts counts = judge_segments(given, packets, config, judgement);
    judgement.observe("on", "looked");
    return {.finding = std::move(judgement).finish(), .counts = counts};
}

std::vector<CapturedPacket> given(const PacketSpec& send = kSend)
{
    std::vector<CapturedPacket> packets;
    packets.push_back(captured(build(send), kSegment));
    return packets;
}

TEST(Segments, HonestCutPassesWhateverWrapsInIt)
{
    const Judged judged = judge(given(), honest(kSend));
    EXPECT_EQ(judged.finding.verdict, Verdict::kPass) << judged.finding.reason;
    EXPECT_EQ(judged.counts.bytes_large, kSend.payload_bytes);
    EXPECT_EQ(judged.counts.bytes_single, 0U);
    EXPECT_EQ(judged.counts.num_given, 4U);
    EXPECT_EQ(judged.counts.num_arrived, 4U);
    EXPECT_EQ(judged.counts.longest, kSegment + 40U);
    EXPECT_EQ(judged.counts.share_large(), 1.0);
    EXPECT_EQ(judged.counts.share_lost(), 0.0);
}

TEST(Segments, OrderOnTheWayDoesNotMatter)
{
    auto segments = honest(kSend);
    std::reverse(segments.begin(), segments.end());
    EXPECT_EQ(judge(given(), segments).finding.verdict, Verdict::kPass);
}

TEST(Segments, PacketSentAgainMayHaveItsOwnId)
{
    PacketSpec again = kSend;
    again.ip_id = 4711;
    again.sequence += kSegment;
    again.flags = kAck | kPush;
    again.payload_bytes = kSegment;
    again.payload_from = kSegment;
    auto sends = given();
    sends.push_back(captured(build(again)));
    auto segments = honest(kSend);
    segments[1] = build(again); // the first one was lost
    const Judged judged = judge(sends, segments);
    EXPECT_EQ(judged.finding.verdict, Verdict::kPass) << judged.finding.reason;
    EXPECT_EQ(judged.counts.num_given, 5U);
    EXPECT_DOUBLE_EQ(judged.counts.share_lost(), 0.2);
}

TEST(Segments, FixedIdsAreAllowedWhereTheFeatureSaysSo)
{
    auto segments = honest(kSend);
    for (Octets& segment : segments) {
        put16(segment, kIdAt, kSend.ip_id);
        finish_checksums(segment);
    }
    EXPECT_EQ(
        judge(given(), segments, {.what = "test", .mtu = 1500, .fixed_ids = true}).finding.verdict,
        Verdict::kPass);
    EXPECT_EQ(judge(given(), segments).finding.verdict, Verdict::kFail);
}

struct Fault {
    const char* name;
    std::function<void(std::vector<Octets>&)> commit;
    const char* words;
};

std::ostream& operator<<(std::ostream& out, const Fault& fault)
{
    return out << fault.name;
}

class SegmentFault : public testing::TestWithParam<Fault> {};

TEST_P(SegmentFault, FailsWithTheFrame)
{
    auto segments = honest(kSend);
    GetParam().commit(segments);
    const Judged judged = judge(given(), segments);
    EXPECT_EQ(judged.finding.verdict, Verdict::kFail);
    EXPECT_THAT(judged.finding.reason, HasSubstr(GetParam().words));
    EXPECT_THAT(judged.finding.frame, testing::Not(IsEmpty()));
    // What is wrong on a wire is wrong between virtual devices too, where it was cut.
    const Judged on_virtual =
        judge(given(), segments, {.what = "test", .mtu = 1500, .is_virtual = true});
    EXPECT_EQ(on_virtual.finding.verdict, Verdict::kFail);
}

/// Changes one segment, its checksums made after it.
std::function<void(std::vector<Octets>&)> change(std::size_t index,
                                                 const std::function<void(Octets&)>& how)
{
    return [=](std::vector<Octets>& segments) {
        how(segments[index]);
        finish_checksums(segments[index]);
    };
}

std::function<void(std::vector<Octets>&)> cut_into(std::vector<std::size_t> sizes)
{
    return [sizes = std::move(sizes)](std::vector<Octets>& segments) {
        segments = cut_frame(build(kSend), sizes);
    };
}

void add_flag(Octets& segment, std::uint8_t flag)
{
    segment[kTcpAt + 13] |= std::byte{flag};
}

void remove_flag(Octets& segment, std::uint8_t flag)
{
    segment[kTcpAt + 13] &= ~std::byte{flag};
}

INSTANTIATE_TEST_SUITE_P(
    All, SegmentFault,
    testing::Values(
        Fault{"id", change(2, [](Octets& s) { put16(s, kIdAt, 5); }), "IPv4 id 5 where 0 belongs"},
        Fault{"may_be_cut", change(1, [](Octets& s) { put16(s, kIdAt + 2, 0); }), "DF flag"},
        Fault{"push", change(1, [](Octets& s) { add_flag(s, kPush); }), "not the last"},
        Fault{"fin", change(0, [](Octets& s) { add_flag(s, kFin); }), "not the last"},
        Fault{"push_lost", change(kLast, [](Octets& s) { remove_flag(s, kPush); }), "missing"},
        Fault{"fin_lost", change(kLast, [](Octets& s) { remove_flag(s, kFin); }), "missing"},
        Fault{"sequence", change(1, [](Octets& s) { put32(s, kTcpAt + 4, 0xfffffc00 + 1); }),
              "no send was to be cut into"},
        Fault{"payload", change(1, [](Octets& s) { s.back() ^= std::byte{1}; }),
              "octets that are not the send's"},
        Fault{"transport_checksum",
              [](std::vector<Octets>& segments) { segments[1].back() ^= std::byte{1}; },
              "a wrong transport checksum"},
        Fault{"network_checksum",
              [](std::vector<Octets>& segments) { segments[1][kPayload + 8] ^= std::byte{1}; },
              "a wrong IPv4 header checksum"},
        Fault{"uneven", cut_into({kSegment, 900, 1100, 7}), "no send was to be cut into"},
        Fault{"too_long", cut_into({1461, 1546}), "an IP packet of 1501 octets"},
        Fault{"not_cut", cut_into({kSend.payload_bytes}), "an IP packet of 3047 octets"}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(Segments, LeftOverOnAVirtualLinkIsTolerated)
{
    const SegmentConfig on_virtual{.what = "test", .mtu = 1500, .is_virtual = true};
    const auto uncut = [](std::vector<CapturedPacket>& packets) {
        packets.front().frame.segment_bytes = kSegment;
    };
    const Judged whole = judge(given(), {build(kSend)}, on_virtual, uncut);
    EXPECT_EQ(whole.finding.verdict, Verdict::kPass) << whole.finding.reason;
    EXPECT_EQ(whole.counts.num_whole, 1U);
    EXPECT_EQ(whole.counts.num_arrived, 4U) << "as many as it stands for";
    EXPECT_EQ(judge(given(), {build(kSend)}, {.what = "test", .mtu = 1500}, uncut).finding.verdict,
              Verdict::kFail)
        << "but not on a wire";

    const auto pending = [](std::vector<CapturedPacket>& packets) {
        for (CapturedPacket& one : packets)
            one.frame.checksum_pending = true;
    };
    auto segments = honest(kSend);
    for (Octets& segment : segments)
        put16(segment, kTcpAt + 16, 0);
    EXPECT_EQ(judge(given(), segments, on_virtual, pending).finding.verdict, Verdict::kPass);
    EXPECT_EQ(judge(given(), segments, {.what = "test", .mtu = 1500}, pending).finding.verdict,
              Verdict::kFail);
}

TEST(Segments, DatagramsHaveTheSizeAskedForOrTheRest)
{
    const PacketSpec send{.protocol = IPPROTO_UDP, .payload_bytes = 2 * kSegment + 300};
    EXPECT_EQ(judge(given(send), honest(send)).finding.verdict, Verdict::kPass);
    const Judged other =
        judge(given(send), cut_frame(build(send), std::vector<std::size_t>{kSegment, 800, 500}));
    EXPECT_EQ(other.finding.verdict, Verdict::kFail);
    EXPECT_THAT(other.finding.reason, HasSubstr("a datagram of 800 octets"));
}

TEST(Segments, PacketsGivenAloneAreCountedAsSuch)
{
    std::vector<CapturedPacket> packets;
    packets.push_back(captured(build({.payload_bytes = 100})));
    packets.push_back(captured(build({.sequence = 1100}))); // no payload: not counted
    const Judged judged = judge(packets, {build({.payload_bytes = 100})});
    EXPECT_EQ(judged.counts.bytes_single, 100U);
    EXPECT_EQ(judged.counts.num_given, 1U);
    EXPECT_EQ(judged.counts.share_large(), 0.0);
    EXPECT_EQ(judged.finding.verdict, Verdict::kPass);
}

TEST(Segments, NothingGivenIsNoShareAtAll)
{
    const Judged judged = judge({}, {});
    EXPECT_EQ(judged.counts.share_large(), 0.0);
    EXPECT_EQ(judged.counts.share_lost(), 0.0);
}

TEST(Verdicts, TheWorstThatWasSaidCounts)
{
    Judgement all;
    all.observe("on", "seen");
    all.not_in_effect("idle");
    all.fail("first", std::vector<std::byte>{std::byte{1}});
    all.fail("second");
    all.note("noted");
    const Finding failed = std::move(all).finish();
    EXPECT_EQ(failed.verdict, Verdict::kFail);
    EXPECT_EQ(failed.reason, "first");
    EXPECT_EQ(failed.frame.size(), 1U);

    Judgement idle;
    idle.observe("on", "seen");
    idle.not_in_effect("idle");
    EXPECT_EQ(std::move(idle).finish().verdict, Verdict::kNotInEffect);

    Judgement fine;
    fine.observe("on", "seen");
    fine.note_once("noted");
    fine.note_once("noted");
    const Finding passed = std::move(fine).finish();
    EXPECT_EQ(passed.verdict, Verdict::kPass);
    EXPECT_EQ(passed.reason, "noted");
}

TEST(Verdicts, NothingObservedIsNoPass)
{
    const Finding nothing = Judgement{}.finish();
    EXPECT_EQ(nothing.verdict, Verdict::kSkip);
    EXPECT_NE(nothing.reason, "");
}

} // namespace
} // namespace pagewire::nic
