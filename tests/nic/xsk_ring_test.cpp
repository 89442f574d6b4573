// SPDX-License-Identifier: BSD-3-Clause
//
// The rings on plain memory: the test plays the kernel's side.

#include "nic/xsk_ring.hpp"

#include "tests/support/random_bytes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <thread>

namespace pagewire::nic {
namespace {

constexpr std::uint32_t kSize = 8;

/// Where the indices begin: at 0, and so that they wrap on the way.
class XskRing : public ::testing::TestWithParam<std::uint32_t> {
  protected:
    std::uint32_t producer_ = GetParam();
    std::uint32_t consumer_ = GetParam();
    std::uint32_t flags_ = 0;
    std::array<std::uint64_t, kSize> entries_{};
    RingMemory<std::uint64_t> memory_{.producer = &producer_,
                                      .consumer = &consumer_,
                                      .flags = &flags_,
                                      .entries = entries_.data(),
                                      .size = kSize};
    std::uint32_t index_ = 0;
};

constexpr auto kLast = std::numeric_limits<std::uint32_t>::max();

INSTANTIATE_TEST_SUITE_P(From, XskRing,
                         ::testing::Values(0, 5, kLast / 2, kLast - 20, kLast - 7, kLast - 2,
                                           kLast));

TEST_P(XskRing, FillAndDrain)
{
    ProducerRing producer(memory_);
    ConsumerRing consumer(memory_);
    std::uint64_t written = 0;
    std::uint64_t read = 0;
    for (int round = 0; round < 10; ++round) {
        ASSERT_TRUE(producer.reserve(kSize, index_));
        for (std::uint32_t i = 0; i < kSize; ++i)
            producer.entry(index_ + i) = written++;
        producer.submit();
        ASSERT_EQ(consumer.peek(kSize, index_), kSize);
        for (std::uint32_t i = 0; i < kSize; ++i)
            EXPECT_EQ(consumer.entry(index_ + i), read++);
        consumer.release();
    }
    EXPECT_EQ(producer_, GetParam() + 80);
    EXPECT_EQ(consumer_, GetParam() + 80);
}

TEST_P(XskRing, EntriesLieAtTheIndexModuloTheSize)
{
    ProducerRing producer(memory_);
    ASSERT_TRUE(producer.reserve(3, index_));
    EXPECT_EQ(index_, GetParam());
    for (std::uint32_t i = 0; i < 3; ++i)
        EXPECT_EQ(&producer.entry(index_ + i), &entries_[(GetParam() + i) % kSize]);
}

TEST_P(XskRing, ReserveIsAllOrNothing)
{
    ProducerRing producer(memory_);
    EXPECT_FALSE(producer.reserve(kSize + 1, index_));
    ASSERT_TRUE(producer.reserve(5, index_));
    EXPECT_FALSE(producer.reserve(4, index_));
    ASSERT_TRUE(producer.reserve(3, index_)) << "the refused call has taken nothing";
    EXPECT_EQ(index_, GetParam() + 5);
    EXPECT_FALSE(producer.reserve(1, index_)) << "the ring is full";
    EXPECT_EQ(producer.num_free(1), 0U);
}

TEST_P(XskRing, NothingIsSeenBeforeSubmit)
{
    ProducerRing producer(memory_);
    ConsumerRing consumer(memory_);
    ASSERT_TRUE(producer.reserve(2, index_));
    EXPECT_EQ(producer_, GetParam());
    EXPECT_EQ(consumer.peek(1, index_), 0U);
    ASSERT_TRUE(producer.reserve(2, index_));
    producer.submit();
    EXPECT_EQ(producer_, GetParam() + 4) << "all that was reserved";
    EXPECT_EQ(consumer.peek(kSize, index_), 4U);
}

TEST_P(XskRing, NothingIsFreeBeforeRelease)
{
    ProducerRing producer(memory_);
    ConsumerRing consumer(memory_);
    ASSERT_TRUE(producer.reserve(kSize, index_));
    producer.submit();
    ASSERT_EQ(consumer.peek(3, index_), 3U);
    EXPECT_EQ(producer.num_free(1), 0U);
    consumer.release();
    EXPECT_EQ(producer.num_free(1), 3U);
    EXPECT_EQ(producer.num_free(kSize), 3U);
}

TEST_P(XskRing, PeekTakesWhatThereIs)
{
    ProducerRing producer(memory_);
    ConsumerRing consumer(memory_);
    ASSERT_TRUE(producer.reserve(5, index_));
    producer.submit();
    EXPECT_EQ(consumer.peek(2, index_), 2U);
    EXPECT_EQ(index_, GetParam());
    EXPECT_EQ(consumer.peek(kSize, index_), 3U);
    EXPECT_EQ(index_, GetParam() + 2);
    EXPECT_EQ(consumer.peek(1, index_), 0U);
    EXPECT_EQ(consumer_, GetParam()) << "peeked is not yet given back";
}

TEST_P(XskRing, CancelledEntriesAreSeenAgain)
{
    ProducerRing producer(memory_);
    ConsumerRing consumer(memory_);
    ASSERT_TRUE(producer.reserve(5, index_));
    for (std::uint32_t i = 0; i < 5; ++i)
        producer.entry(index_ + i) = 100 + i;
    producer.submit();
    ASSERT_EQ(consumer.peek(5, index_), 5U);
    consumer.cancel(3);
    consumer.release();
    EXPECT_EQ(consumer_, GetParam() + 2) << "the cancelled ones are not given back";
    ASSERT_EQ(consumer.peek(kSize, index_), 3U);
    EXPECT_EQ(consumer.entry(index_), 102U);
}

/// The other side's index is read only when what is known of it does not suffice.
TEST_P(XskRing, ProducerReadsTheConsumersIndexOnlyInNeed)
{
    ProducerRing producer(memory_);
    ASSERT_TRUE(producer.reserve(4, index_));
    producer.submit();
    consumer_ += 3; // the kernel has taken three
    EXPECT_EQ(producer.num_free(4), 4U) << "the stale value suffices";
    EXPECT_EQ(producer.num_free(5), 7U);
    EXPECT_EQ(producer.num_free(1), 7U) << "remembered";
    consumer_ += 1;
    EXPECT_TRUE(producer.reserve(8, index_));
}

TEST_P(XskRing, ConsumerReadsTheProducersIndexOnlyInNeed)
{
    ConsumerRing consumer(memory_);
    producer_ += 3;
    ASSERT_EQ(consumer.peek(1, index_), 1U);
    producer_ = GetParam() + 2; // no kernel does this: it shows whether the index is read
    EXPECT_EQ(consumer.peek(2, index_), 2U) << "what is known suffices";
    producer_ = GetParam() + 5;
    EXPECT_EQ(consumer.peek(4, index_), 2U);
    EXPECT_EQ(consumer.peek(4, index_), 0U);
}

TEST_P(XskRing, TakesOverARingInUse)
{
    consumer_ += 1;
    producer_ += 6; // five entries are under way
    ProducerRing producer(memory_);
    EXPECT_EQ(producer.num_free(kSize), 3U);
    ConsumerRing consumer(memory_);
    EXPECT_EQ(consumer.peek(kSize, index_), 5U);
    EXPECT_EQ(index_, GetParam() + 1);
}

TEST_P(XskRing, DrainedWhenTheConsumerHasTakenAll)
{
    ProducerRing producer(memory_);
    EXPECT_TRUE(producer.drained());
    ASSERT_TRUE(producer.reserve(2, index_));
    producer.submit();
    EXPECT_FALSE(producer.drained());
    consumer_ += 1;
    EXPECT_FALSE(producer.drained());
    consumer_ += 1;
    EXPECT_TRUE(producer.drained());
}

TEST_P(XskRing, FlagsAreReadAtEachCall)
{
    const ProducerRing producer(memory_);
    EXPECT_EQ(producer.flags(), 0U);
    flags_ = 1;
    EXPECT_EQ(producer.flags(), 1U);
}

/// Both sides at once, in batches of any size. Under ThreadSanitizer this is the proof of the
/// barrier pairs: the entries themselves are plain memory.
TEST_P(XskRing, TwoThreads)
{
    constexpr std::uint64_t num_entries = 100'000;
    std::thread consuming([this] {
        ConsumerRing consumer(memory_);
        tests::Random random(1);
        std::uint32_t index = 0;
        std::uint64_t num_wrong = 0;
        for (std::uint64_t next = 0; next < num_entries;) {
            const std::uint32_t count =
                consumer.peek(static_cast<std::uint32_t>(1 + tests::below(random, kSize)), index);
            for (std::uint32_t i = 0; i < count; ++i)
                num_wrong += consumer.entry(index + i) == next++ ? 0 : 1;
            if (count == 0)
                std::this_thread::yield();
            else
                consumer.release();
        }
        EXPECT_EQ(num_wrong, 0U);
    });
    ProducerRing producer(memory_);
    tests::Random random(2);
    for (std::uint64_t next = 0; next < num_entries;) {
        const auto count = static_cast<std::uint32_t>(
            std::min(1 + tests::below(random, kSize), num_entries - next));
        if (!producer.reserve(count, index_)) {
            std::this_thread::yield();
            continue;
        }
        for (std::uint32_t i = 0; i < count; ++i)
            producer.entry(index_ + i) = next++;
        producer.submit();
    }
    consuming.join();
    EXPECT_TRUE(producer.drained());
}

} // namespace
} // namespace pagewire::nic
