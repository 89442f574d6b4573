// SPDX-License-Identifier: BSD-3-Clause
//
// The clock is the test's own: no time passes here.

#include "core/pacer.hpp"

#include "tests/support/random_bytes.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace pagewire::core {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

const Pacer::Clock::time_point kStart{std::chrono::hours(1000)};

constexpr Rate kByteEachNs{.gbps = 8};
constexpr Rate kPacketEachMicrosecond{.packets_per_s = 1e6};

TEST(Pacer, NoRateIsNoLimit)
{
    Pacer pacer({}, kStart);
    EXPECT_TRUE(pacer.may_send({.bytes = 0}, kStart));
    EXPECT_TRUE(pacer.may_send({.bytes = 1ULL << 60}, kStart));
}

TEST(Pacer, ThePacketGoesWhenTheBytesBeforeItAreDue)
{
    Pacer pacer(kByteEachNs, kStart);
    EXPECT_TRUE(pacer.may_send({.bytes = 0}, kStart));
    EXPECT_FALSE(pacer.may_send({.bytes = 1000}, kStart));
    EXPECT_FALSE(pacer.may_send({.bytes = 1000}, kStart + 999ns));
    EXPECT_TRUE(pacer.may_send({.bytes = 1000}, kStart + 1000ns));
    EXPECT_FALSE(pacer.may_send({.bytes = 2000}, kStart + 1999ns));
}

TEST(Pacer, RatesBelowABytePerNanosecond)
{
    Pacer pacer({.gbps = 0.008}, kStart); // a byte each microsecond
    EXPECT_FALSE(pacer.may_send({.bytes = 100}, kStart + 99'999ns));
    EXPECT_TRUE(pacer.may_send({.bytes = 100}, kStart + 100us));
}

TEST(Pacer, AskingIsNotSending)
{
    Pacer pacer(kByteEachNs, kStart);
    for (int i = 0; i < 100; ++i) {
        EXPECT_FALSE(pacer.may_send({.bytes = 5000}, kStart + 4999ns));
        EXPECT_TRUE(pacer.may_send({.bytes = 4000}, kStart + 4999ns));
    }
}

/// Packets of `packet` bytes for as long as the pacer lets them go at this very moment; bytes sent
/// in all.
std::uint64_t send_all_due(Pacer& pacer, std::uint64_t sent, std::uint64_t packet,
                           Pacer::Clock::time_point now)
{
    while (pacer.may_send({.bytes = sent}, now))
        sent += packet;
    return sent;
}

TEST(Pacer, CatchesUpASmallDelay)
{
    Pacer pacer(kByteEachNs, kStart);
    const std::uint64_t sent = send_all_due(pacer, 0, 1000, kStart + 400us);
    EXPECT_EQ(sent, 401'000U) << "what was due, and the packet that is due now";
}

TEST(Pacer, AfterALongPauseTheBurstIsBounded)
{
    Pacer pacer(kByteEachNs, kStart);
    const auto now = kStart + 10s;
    const std::uint64_t sent = send_all_due(pacer, 0, 1000, now);
    EXPECT_EQ(sent, 501'000U) << "kBurst at this rate, and the packet that is due now";
    EXPECT_FALSE(pacer.may_send({.bytes = sent}, now + 999ns)) << "from here on at the rate again";
    EXPECT_TRUE(pacer.may_send({.bytes = sent}, now + 1000ns));
}

TEST(Pacer, NeverMoreThanRateAndBurstInAnyWindow)
{
    tests::Random random(1);
    Pacer pacer(kByteEachNs, kStart);
    constexpr std::uint64_t packet = 1448;
    constexpr std::uint64_t burst =
        nanoseconds(Pacer::kBurst).count(); // bytes, at a byte each nanosecond
    auto now = kStart;
    std::uint64_t sent = 0;
    // What a window that begins now could carry is largest for the step at which sent - elapsed was
    // smallest.
    std::int64_t lowest = 0;
    for (int step = 0; step < 20'000; ++step) {
        const std::uint64_t pause = tests::below(random, 100) == 0 ? 2'000'000 : 3000;
        now += nanoseconds(tests::below(random, pause));
        sent = send_all_due(pacer, sent, packet, now);
        const std::int64_t ahead = static_cast<std::int64_t>(sent) - (now - kStart).count();
        lowest = std::min(lowest, ahead);
        ASSERT_LE(ahead - lowest, static_cast<std::int64_t>(burst + packet)) << "step " << step;
    }
}

/// A sender that is always in time sends what the rate says.
TEST(Pacer, KeepsItsRate)
{
    Pacer pacer(kByteEachNs, kStart);
    std::uint64_t sent = 0;
    for (auto now = kStart; now <= kStart + 100ms; now += 50us)
        sent = send_all_due(pacer, sent, 9000, now);
    EXPECT_NEAR(static_cast<double>(sent), 100e6, 9000);
}

TEST(Pacer, PacketsGoByTheirNumberWhateverTheirBytes)
{
    Pacer pacer(kPacketEachMicrosecond, kStart);
    EXPECT_TRUE(pacer.may_send({.bytes = 0, .packets = 0}, kStart));
    EXPECT_FALSE(pacer.may_send({.bytes = 1, .packets = 1}, kStart + 999ns));
    EXPECT_TRUE(pacer.may_send({.bytes = 1ULL << 40, .packets = 1}, kStart + 1000ns));
    EXPECT_FALSE(pacer.may_send({.bytes = 1ULL << 40, .packets = 2}, kStart + 1999ns));
}

TEST(Pacer, PacketsMakeUpForABoundedPauseToo)
{
    Pacer pacer(kPacketEachMicrosecond, kStart);
    const auto now = kStart + 10s;
    std::uint64_t packets = 0;
    while (pacer.may_send({.bytes = packets * 1448, .packets = packets}, now))
        ++packets;
    EXPECT_EQ(packets, 501U) << "kBurst at this rate, and the packet that is due now";
}

TEST(Pacer, TheSlowestRateIsLateAndNoOverflow)
{
    for (const Rate rate : {Rate{.gbps = 1e-300}, Rate{.packets_per_s = 1e-300}}) {
        Pacer pacer(rate, kStart);
        EXPECT_TRUE(pacer.may_send({.bytes = 0, .packets = 0}, kStart));
        EXPECT_FALSE(pacer.may_send({.bytes = 1, .packets = 1}, kStart + 1000h));
    }
}

} // namespace
} // namespace pagewire::core
