// SPDX-License-Identifier: BSD-3-Clause
#include "core/sequence_ledger.hpp"

#include "tests/support/random_bytes.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <set>

namespace pagewire::core {
namespace {

using Arrival = SequenceLedger::Arrival;

TEST(SequenceLedger, StartsEmpty)
{
    const SequenceLedger ledger(10);
    EXPECT_EQ(ledger.next(), 0U);
    EXPECT_EQ(ledger.num_distinct(), 0U);
    EXPECT_EQ(ledger.num_duplicate(), 0U);
    EXPECT_EQ(ledger.num_reordered(), 0U);
    EXPECT_EQ(ledger.num_lost(0), 0U);
    EXPECT_EQ(ledger.num_lost(10), 10U);
}

TEST(SequenceLedger, InOrder)
{
    SequenceLedger ledger(1000);
    for (std::uint64_t i = 0; i < 1000; ++i)
        ASSERT_EQ(ledger.note(i), Arrival::kNew);
    EXPECT_EQ(ledger.next(), 1000U);
    EXPECT_EQ(ledger.num_distinct(), 1000U);
    EXPECT_EQ(ledger.num_reordered(), 0U);
    EXPECT_EQ(ledger.num_lost(1000), 0U);
}

TEST(SequenceLedger, OneSwapIsOneReordering)
{
    SequenceLedger ledger(10);
    for (const std::uint64_t sequence : {0, 2, 1, 3})
        EXPECT_EQ(ledger.note(sequence), Arrival::kNew);
    EXPECT_EQ(ledger.num_reordered(), 1U);
    EXPECT_EQ(ledger.num_lost(4), 0U);
}

TEST(SequenceLedger, GapsAreLosses)
{
    SequenceLedger ledger(100);
    for (const std::uint64_t sequence : {0, 1, 5, 9})
        (void)ledger.note(sequence);
    EXPECT_EQ(ledger.next(), 10U);
    EXPECT_EQ(ledger.num_lost(10), 6U);
    EXPECT_EQ(ledger.num_lost(12), 8U) << "losses at the end count";
    EXPECT_EQ(ledger.num_reordered(), 0U);
}

TEST(SequenceLedger, DuplicatesAreCountedAndNothingElse)
{
    SequenceLedger ledger(10);
    (void)ledger.note(0);
    (void)ledger.note(3);
    EXPECT_EQ(ledger.note(0), Arrival::kDuplicate);
    EXPECT_EQ(ledger.note(3), Arrival::kDuplicate);
    EXPECT_EQ(ledger.num_duplicate(), 2U);
    EXPECT_EQ(ledger.num_distinct(), 2U);
    EXPECT_EQ(ledger.num_reordered(), 0U);
    EXPECT_EQ(ledger.num_lost(4), 2U);
}

TEST(SequenceLedger, StrayNumbersAreRefusedAndClaimNoMemory)
{
    SequenceLedger ledger(1000);
    for (const std::uint64_t stray :
         {std::uint64_t{1000}, std::uint64_t{1} << 62, std::numeric_limits<std::uint64_t>::max()})
        EXPECT_EQ(ledger.note(stray), Arrival::kRefused) << stray;
    EXPECT_EQ(ledger.next(), 0U);
    EXPECT_EQ(ledger.num_distinct(), 0U);
    EXPECT_EQ(ledger.note(999), Arrival::kNew);
}

/// Against the definitions, literally.
TEST(SequenceLedger, RandomArrivalsAgainstAModel)
{
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        tests::Random random(seed);
        const std::uint64_t limit = 1 + tests::below(random, 500);
        SequenceLedger ledger(limit);
        std::set<std::uint64_t> seen;
        std::uint64_t num_duplicate = 0;
        std::uint64_t num_reordered = 0;
        for (int i = 0; i < 1000; ++i) {
            const std::uint64_t sequence = tests::below(random, limit + 10);
            Arrival expected = Arrival::kNew;
            if (sequence >= limit) {
                expected = Arrival::kRefused;
            } else if (seen.contains(sequence)) {
                expected = Arrival::kDuplicate;
                ++num_duplicate;
            } else {
                num_reordered += !seen.empty() && *seen.rbegin() > sequence ? 1 : 0;
                seen.insert(sequence);
            }
            ASSERT_EQ(ledger.note(sequence), expected);
        }
        EXPECT_EQ(ledger.next(), *seen.rbegin() + 1);
        EXPECT_EQ(ledger.num_distinct(), seen.size());
        EXPECT_EQ(ledger.num_duplicate(), num_duplicate);
        EXPECT_EQ(ledger.num_reordered(), num_reordered);
        EXPECT_EQ(ledger.num_lost(limit), limit - seen.size());
    }
}

} // namespace
} // namespace pagewire::core
