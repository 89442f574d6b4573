// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/fault.hpp"

#include "core/error.hpp"
#include "tests/support/random_bytes.hpp"
#include "tests/support/thrown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace pagewire::dataplane {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Bytes = std::vector<std::byte>;

TEST(ParseFault, KindAndPacket)
{
    const auto expect = [](std::string_view text, Fault::Kind kind, std::uint64_t packet) {
        const Fault fault = parse_fault(text);
        EXPECT_EQ(fault.kind, kind) << text;
        EXPECT_EQ(fault.packet, packet) << text;
    };
    expect("flip@7", Fault::Kind::kFlip, 7);
    expect("drop@0", Fault::Kind::kDrop, 0);
    expect("duplicate@3", Fault::Kind::kDuplicate, 3);
    expect("reorder@18446744073709551615", Fault::Kind::kReorder, ~std::uint64_t{0});
}

TEST(ParseFault, WhatIsNoFaultIsQuoted)
{
    for (const std::string text :
         {"", "flip", "flip@", "@3", "flop@3", "Flip@3", "flip@-1", "flip@+1", "flip@1.5",
          "flip@0x1", "flip@3 ", "flip @3", "flip@3@4", "flip@18446744073709551616"}) {
        EXPECT_EQ(tests::thrown<core::UsageError>([&] { (void)parse_fault(text); }),
                  "'" + text +
                      "' is not a fault: write flip@N, drop@N, duplicate@N or reorder@N, N the "
                      "packet's number from 0");
    }
}

/// The device behind the fault: takes what it has room for, remembers each packet as it was then,
/// and completes only when it is told to.
class ScriptedEngine final : public Engine {
  public:
    static constexpr std::size_t kMemoryBytes = std::size_t{64} * kChunkBytes;

    [[nodiscard]] std::span<std::byte> memory() const noexcept override { return memory_; }

    [[nodiscard]] unsigned num_segments_max() const noexcept override { return 5; }

    [[nodiscard]] std::size_t submit(std::span<const Descriptor> descriptors) noexcept override
    {
        std::size_t taken = 0;
        while (taken < descriptors.size() && room > 0) {
            Bytes packet;
            bool more = true;
            while (more) {
                const Descriptor& descriptor = descriptors[taken++];
                const auto octets = memory().subspan(descriptor.addr, descriptor.len);
                packet.insert(packet.end(), octets.begin(), octets.end());
                in_flight.push_back(descriptor.addr);
                more = descriptor.more;
            }
            sent.push_back(packet);
            --room;
        }
        return taken;
    }

    [[nodiscard]] int kick() noexcept override
    {
        ++num_kicks;
        return 0;
    }

    [[nodiscard]] std::size_t reclaim(std::span<std::uint64_t> addrs) noexcept override
    {
        std::size_t count = 0;
        while (may_complete && count < addrs.size() && !in_flight.empty()) {
            addrs[count++] = in_flight.front();
            in_flight.pop_front();
        }
        return count;
    }

    void wait(std::chrono::milliseconds) noexcept override {}

    void describe(core::TransferReport& report) const override
    {
        report.facts["engine"] = "scripted";
    }

    std::size_t room = 1000; // packets
    bool may_complete = true;
    int num_kicks = 0;
    std::vector<Bytes> sent;
    std::deque<std::uint64_t> in_flight;

  private:
    mutable Bytes memory_ = tests::random_bytes(kMemoryBytes, 1);
};

/// Ten packets of a header and two slices each, in memory of their own.
class FaultyEngine : public ::testing::Test {
  protected:
    static constexpr std::size_t kPackets = 10;

    void open(Fault::Kind kind, std::uint64_t packet)
    {
        auto scripted = std::make_unique<ScriptedEngine>();
        device_ = scripted.get();
        before_ = Bytes(device_->memory().begin(), device_->memory().end());
        engine_ = with_fault(std::move(scripted), {.kind = kind, .packet = packet});
    }

    static std::array<Descriptor, 3> descriptors_of(std::size_t packet)
    {
        const std::uint64_t payload = (kPackets + 2 * packet) * kChunkBytes;
        return {{{.addr = packet * 128, .len = 66, .more = true},
                 {.addr = payload + 100, .len = kChunkBytes - 100, .more = true},
                 {.addr = payload + kChunkBytes, .len = 1000, .more = false}}};
    }

    /// The packet's octets, as they were before anything was sent.
    [[nodiscard]] Bytes content(std::size_t packet) const
    {
        Bytes result;
        for (const auto& [addr, len, more] : descriptors_of(packet))
            result.insert(result.end(), before_.begin() + static_cast<std::ptrdiff_t>(addr),
                          before_.begin() + static_cast<std::ptrdiff_t>(addr + len));
        return result;
    }

    /// Numbers of the packets that the device was given, in its order; -1 for one that is like
    /// none.
    [[nodiscard]] std::vector<int> order() const
    {
        std::vector<int> numbers;
        for (const Bytes& packet : device_->sent) {
            int number = -1;
            for (std::size_t i = 0; i < kPackets; ++i)
                number = packet == content(i) ? static_cast<int>(i) : number;
            numbers.push_back(number);
        }
        return numbers;
    }

    std::size_t submit(std::size_t first, std::size_t last)
    {
        std::vector<Descriptor> all;
        for (std::size_t packet = first; packet <= last; ++packet) {
            const auto descriptors = descriptors_of(packet);
            all.insert(all.end(), descriptors.begin(), descriptors.end());
        }
        return engine_->submit(all) / 3;
    }

    std::vector<std::uint64_t> reclaim(std::size_t room = 64)
    {
        std::vector<std::uint64_t> addrs(room);
        addrs.resize(engine_->reclaim(addrs));
        return addrs;
    }

    /// Everything that was lent comes back, each address once.
    void expect_all_reclaimed(std::size_t num_packets)
    {
        std::vector<std::uint64_t> expected;
        for (std::size_t packet = 0; packet < num_packets; ++packet) {
            for (const Descriptor& descriptor : descriptors_of(packet))
                expected.push_back(descriptor.addr);
        }
        std::vector<std::uint64_t> got;
        for (int i = 0; i < 20; ++i) {
            const auto some = reclaim(7);
            got.insert(got.end(), some.begin(), some.end());
        }
        EXPECT_THAT(got, ::testing::UnorderedElementsAreArray(expected));
    }

    std::unique_ptr<Engine> engine_;
    ScriptedEngine* device_ = nullptr;
    Bytes before_;
};

TEST_F(FaultyEngine, IsTheEngineOtherwise)
{
    open(Fault::Kind::kFlip, 100);
    EXPECT_EQ(engine_->memory().data(), device_->memory().data());
    EXPECT_EQ(engine_->memory().size(), device_->memory().size());
    EXPECT_EQ(engine_->num_segments_max(), 5U);
    EXPECT_EQ(submit(0, 9), 10U);
    EXPECT_THAT(order(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
    EXPECT_EQ(engine_->kick(), 0);
    EXPECT_EQ(device_->num_kicks, 1);
    expect_all_reclaimed(10);
}

TEST_F(FaultyEngine, TakesOnlyWhatTheDeviceTakes)
{
    open(Fault::Kind::kFlip, 100);
    device_->room = 4;
    EXPECT_EQ(submit(0, 9), 4U);
    EXPECT_EQ(submit(4, 9), 0U);
    device_->room = 100;
    EXPECT_EQ(submit(4, 9), 6U);
    EXPECT_THAT(order(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST_F(FaultyEngine, DescribesTheDevice)
{
    open(Fault::Kind::kDrop, 3);
    core::TransferReport report;
    engine_->describe(report);
    EXPECT_EQ(report.facts["engine"], "scripted");
}

TEST_F(FaultyEngine, FlipChangesOneBitOfTheLastPayloadOctet)
{
    open(Fault::Kind::kFlip, 2);
    EXPECT_EQ(submit(0, 4), 5U);
    EXPECT_THAT(order(), ElementsAre(0, 1, -1, 3, 4));
    Bytes expected = content(2);
    expected.back() ^= std::byte{1};
    EXPECT_EQ(device_->sent[2], expected);
    Bytes memory = before_;
    memory[descriptors_of(2)[2].addr + 999] ^= std::byte{1};
    EXPECT_TRUE(std::equal(memory.begin(), memory.end(), device_->memory().begin()))
        << "another octet has changed";
    expect_all_reclaimed(5);
}

TEST_F(FaultyEngine, FlipThatFindsNoRoomIsUndone)
{
    open(Fault::Kind::kFlip, 2);
    device_->room = 2;
    EXPECT_EQ(submit(0, 1), 2U);
    for (int attempt = 0; attempt < 3; ++attempt) {
        EXPECT_EQ(submit(2, 4), 0U);
        EXPECT_TRUE(std::equal(before_.begin(), before_.end(), device_->memory().begin()));
    }
    device_->room = 100;
    EXPECT_EQ(submit(2, 4), 3U);
    EXPECT_THAT(order(), ElementsAre(0, 1, -1, 3, 4));
    EXPECT_NE(device_->sent[2].back(), content(2).back());
}

TEST_F(FaultyEngine, DroppedPacketIsCompletedAndNeverSent)
{
    open(Fault::Kind::kDrop, 1);
    EXPECT_EQ(submit(0, 3), 4U);
    EXPECT_THAT(order(), ElementsAre(0, 2, 3));
    expect_all_reclaimed(4);
}

TEST_F(FaultyEngine, DroppedPacketCompletesAlthoughTheDeviceIsFull)
{
    open(Fault::Kind::kDrop, 0);
    device_->room = 0;
    EXPECT_EQ(submit(0, 3), 1U);
    EXPECT_THAT(reclaim(2), ::testing::SizeIs(2)) << "as many as there is room for";
    EXPECT_THAT(reclaim(2), ::testing::SizeIs(1));
    EXPECT_THAT(order(), IsEmpty());
}

TEST_F(FaultyEngine, DuplicateIsSentTwiceAndCompletesOnce)
{
    open(Fault::Kind::kDuplicate, 1);
    EXPECT_EQ(submit(0, 3), 4U);
    EXPECT_THAT(order(), ElementsAre(0, 1, 1, 2, 3));
    expect_all_reclaimed(4);
}

/// The owner may write to the memory again only when the second copy is out too.
TEST_F(FaultyEngine, DuplicateCompletesWhenBothCopiesHave)
{
    open(Fault::Kind::kDuplicate, 0);
    EXPECT_EQ(submit(0, 0), 1U);
    ASSERT_EQ(device_->in_flight.size(), 6U);
    const std::deque<std::uint64_t> second(device_->in_flight.begin() + 3,
                                           device_->in_flight.end());
    device_->in_flight.resize(3);
    EXPECT_THAT(reclaim(), IsEmpty());
    device_->in_flight = second;
    EXPECT_THAT(reclaim(), ::testing::SizeIs(3));
}

TEST_F(FaultyEngine, DuplicateWithRoomForOneCopyOnly)
{
    open(Fault::Kind::kDuplicate, 1);
    device_->room = 2;
    EXPECT_EQ(submit(0, 3), 1U) << "the second copy is still to come";
    EXPECT_THAT(order(), ElementsAre(0, 1));
    EXPECT_THAT(reclaim(), ElementsAre(descriptors_of(0)[0].addr, descriptors_of(0)[1].addr,
                                       descriptors_of(0)[2].addr))
        << "of the first copy nothing";
    device_->room = 100;
    EXPECT_EQ(submit(1, 3), 3U);
    EXPECT_THAT(order(), ElementsAre(0, 1, 1, 2, 3));
    EXPECT_THAT(reclaim(), ::testing::SizeIs(9));
}

TEST_F(FaultyEngine, ReorderedPacketFollowsItsSuccessor)
{
    open(Fault::Kind::kReorder, 1);
    EXPECT_EQ(submit(0, 4), 5U);
    EXPECT_THAT(order(), ElementsAre(0, 2, 1, 3, 4));
    expect_all_reclaimed(5);
}

TEST_F(FaultyEngine, ReorderAcrossTwoSubmits)
{
    open(Fault::Kind::kReorder, 1);
    EXPECT_EQ(submit(0, 1), 2U);
    EXPECT_EQ(engine_->kick(), 0);
    EXPECT_THAT(order(), ElementsAre(0));
    EXPECT_EQ(submit(2, 3), 2U);
    EXPECT_THAT(order(), ElementsAre(0, 2, 1, 3));
}

TEST_F(FaultyEngine, ReorderWaitsForRoomForItsSuccessor)
{
    open(Fault::Kind::kReorder, 0);
    device_->room = 0;
    EXPECT_EQ(submit(0, 2), 1U) << "held, not handed on";
    EXPECT_EQ(submit(1, 2), 0U);
    device_->room = 1;
    EXPECT_EQ(submit(1, 1), 1U);
    EXPECT_THAT(order(), ElementsAre(1));
    device_->room = 100;
    EXPECT_EQ(submit(2, 2), 1U);
    EXPECT_THAT(order(), ElementsAre(1, 2, 0));
    expect_all_reclaimed(3);
}

TEST_F(FaultyEngine, ReorderOfTheLastPacketIsFlushedByKicks)
{
    open(Fault::Kind::kReorder, 2);
    EXPECT_EQ(submit(0, 2), 3U);
    device_->room = 0;
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(engine_->kick(), 0);
    EXPECT_THAT(order(), ElementsAre(0, 1)) << "a full device does not lose it";
    device_->room = 100;
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(engine_->kick(), 0);
    EXPECT_THAT(order(), ElementsAre(0, 1, 2));
    expect_all_reclaimed(3);
}

} // namespace
} // namespace pagewire::dataplane
