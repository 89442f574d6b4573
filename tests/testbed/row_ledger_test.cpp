// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/row_ledger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pagewire::testbed {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

/// A transfer of which the ledger says one number, `calls` a MiB; nothing: it could not see them.
Sample transfer(bool watched, std::optional<double> calls, std::string evidence)
{
    Sample sample;
    sample.watched = watched;
    sample.ledger.syscalls_per_mib =
        calls ? Figure{.value = calls, .evidence = std::move(evidence)} : unavailable(evidence);
    return sample;
}

Sample watched(std::optional<double> calls, std::string evidence = "sys_exit")
{
    return transfer(true, calls, std::move(evidence));
}

Sample unwatched(std::optional<double> calls, std::string evidence = "not watched")
{
    return transfer(false, calls, std::move(evidence));
}

Sample failed(Sample sample)
{
    sample.error = "a block is bad";
    return sample;
}

Row row_of(std::vector<Sample> samples)
{
    Row row;
    row.samples = std::move(samples);
    return row;
}

TEST(RowLedger, MedianOfTheGoodWatchedTransfers)
{
    struct Case {
        std::string_view name;
        std::vector<Sample> samples;
        std::optional<double> calls;
        std::string_view evidence;
    };

    for (const Case& c : std::vector<Case>{
             {"median, not mean", {watched(9), watched(1), watched(2)}, 2, "sys_exit"},
             {"unwatched ones aside",
              {unwatched(50), watched(2), unwatched(60), watched(4)},
              3,
              "sys_exit"},
             {"failed ones aside",
              {failed(watched(90)), watched(2), failed(watched(95))},
              2,
              "sys_exit"},
             {"of those with a value, by its evidence",
              {watched({}, "3 events were missed"), watched(5, "second"), watched(7, "third")},
              6,
              "second"},
             {"a reason where none has a value",
              {watched({}, "no BTF"), watched({}, "missed")},
              {},
              "unavailable: no BTF"},
             {"a watched one without a value is asked, not an unwatched one with",
              {unwatched(5), watched({}, "no BTF")},
              {},
              "unavailable: no BTF"},
             {"the others where none was watched",
              {unwatched(3), unwatched(5), unwatched(70)},
              5,
              "not watched"},
             {"the others where the watched ones failed",
              {failed(watched(90)), unwatched(3)},
              3,
              "not watched"},
             {"none is good",
              {failed(watched(90)), failed(unwatched(3))},
              {},
              "unavailable: no good transfer"},
             {"none at all", {}, {}, "unavailable: no good transfer"}}) {
        const LedgerFigures figures = row_ledger(row_of(c.samples));
        EXPECT_EQ(figures.syscalls_per_mib.value, c.calls) << c.name;
        EXPECT_EQ(figures.syscalls_per_mib.evidence, c.evidence) << c.name;
    }
}

TEST(RowLedger, EveryFigureHasItsOwnMedian)
{
    Row row = row_of({watched(0), watched(0), watched(0)});
    for (std::size_t i = 0; i < kLedgerFigures.size(); ++i) {
        const auto number = static_cast<double>(i);
        for (std::size_t k = 0; k < 3; ++k)
            row.samples[k].ledger.*kLedgerFigures[i].figure = {
                .value = 100 * number + static_cast<double>(k), .evidence = "seen"};
    }
    const LedgerFigures figures = row_ledger(row);
    for (std::size_t i = 0; i < kLedgerFigures.size(); ++i)
        EXPECT_EQ((figures.*kLedgerFigures[i].figure).value, 100 * static_cast<double>(i) + 1)
            << kLedgerFigures[i].name;
}

TEST(RowLedger, WithoutGoodTransfersNoFigureIsThere)
{
    const LedgerFigures figures = row_ledger(row_of({failed(watched(1))}));
    for (const NamedFigure& named : kLedgerFigures) {
        EXPECT_EQ((figures.*named.figure).value, std::nullopt) << named.name;
        EXPECT_EQ((figures.*named.figure).evidence, "unavailable: no good transfer") << named.name;
    }
    EXPECT_EQ(figures.observed, ZeroCopy::kUnknown);
    EXPECT_EQ(figures.observed_evidence, "unavailable: no good transfer");
    EXPECT_THAT(figures.syscalls, IsEmpty());
    EXPECT_THAT(figures.payload_bytes, IsEmpty());
}

TEST(RowLedger, CallsAndPayloadOfTheFirstGoodWatchedTransfer)
{
    const auto with_calls = [](Sample sample, std::uint64_t number) {
        sample.ledger.syscalls = {{"read", number}};
        sample.ledger.syscalls_after = {{"close", number}};
        sample.ledger.payload_bytes = {{"queue/file", number}};
        sample.ledger.observed = number == 3 ? ZeroCopy::kPartly : ZeroCopy::kCopied;
        return sample;
    };
    const LedgerFigures figures =
        row_ledger(row_of({with_calls(unwatched(0), 1), with_calls(failed(watched(0)), 2),
                           with_calls(watched(0), 3), with_calls(watched(0), 4)}));
    EXPECT_THAT(figures.syscalls, ElementsAre(Pair("read", 3)));
    EXPECT_THAT(figures.syscalls_after, ElementsAre(Pair("close", 3)));
    EXPECT_THAT(figures.payload_bytes, ElementsAre(Pair("queue/file", 3)));
    EXPECT_EQ(figures.observed, ZeroCopy::kPartly);
}

/// A row of a method that makes two calls and one copy in a turn, and a transfer of just that.
class RowVerdict : public ::testing::Test {
  protected:
    RowVerdict()
    {
        method_.textbook =
            core::Textbook{.crossings = 4, .cpu_copies = 1, .dma = 2, .cpu_copies_in_copy_mode = 2};
        method_.maps_file = true;
        row_.method = &method_;
        row_.samples = {watched(0)};
        LedgerFigures& seen = sample().ledger;
        seen.crossings_per_turn = {.value = 4, .evidence = "seen"};
        seen.page_faults_per_turn = {.value = 1, .evidence = "seen"};
        seen.cpu_copies_per_byte = {.value = 1, .evidence = "seen"};
        seen.copies_to_kernel_per_byte = {.value = 1, .evidence = "seen"};
        seen.copies_at_transmit_per_byte = {.value = 0, .evidence = "seen"};
        seen.dma_disk_per_byte = {.value = 1, .evidence = "seen"};
        seen.dma_nic_per_byte = {.value = 1, .evidence = "seen"};
        seen.syscalls = {{"write", 30}};
        sample().worker.report.num_turns = 10;
        sample().scatter_gather = true;
    }

    Sample& sample() { return row_.samples.front(); }

    [[nodiscard]] std::vector<std::string> notes() const
    {
        const auto verdict = row_verdict(row_, row_ledger(row_));
        return verdict ? verdict->notes : std::vector<std::string>{"no verdict"};
    }

    core::Method method_;
    Row row_;
};

TEST_F(RowVerdict, Agrees)
{
    EXPECT_EQ(row_verdict(row_, row_ledger(row_))->agrees, true);
    EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(RowVerdict, KnowsTheCacheState)
{
    sample().ledger.dma_disk_per_byte.value = 0;
    row_.cache = CacheState::kCold;
    EXPECT_THAT(notes(), ElementsAre("disk DMA 0.00 times: others brought the rest"));
    row_.cache = CacheState::kHot;
    EXPECT_THAT(notes(), ElementsAre("hot cache: no disk DMA"));
}

TEST_F(RowVerdict, KnowsHowTheFileWasMappedAndTheTurns)
{
    sample().ledger.crossings_per_turn.value = 2;
    row_.map_per_chunk = true;
    EXPECT_THAT(notes(), ElementsAre("calls a turn: write 3.00"));
    row_.map_per_chunk = false;
    EXPECT_THAT(notes(), ElementsAre("one mapping for the whole file: a turn is a write(2), and "
                                     "page faults take mmap(2)'s place"));
}

TEST_F(RowVerdict, KnowsTheTransfersScatterGather)
{
    static constexpr std::array needs{
        core::FeatureNeed{.feature = "tx-scatter-gather", .on = false}};
    method_.needs = needs;
    sample().ledger.cpu_copies_per_byte.value = 0;
    EXPECT_THAT(notes(), ElementsAre("scatter/gather is on: the copy at transmit falls away"));
    sample().ledger.cpu_copies_per_byte.value = 2;
    sample().ledger.copies_at_transmit_per_byte.value = 1;
    sample().scatter_gather = false;
    EXPECT_THAT(notes(), ElementsAre("scatter/gather is off: one copy more, at transmit"));
}

TEST_F(RowVerdict, KnowsTheModeThatTheKernelReported)
{
    sample().worker.report.zero_copy_kernel_reported = "copy";
    EXPECT_EQ(row_verdict(row_, row_ledger(row_))->cpu_copies, 2);
}

TEST_F(RowVerdict, NoneWithoutATextbookOrAGoodTransfer)
{
    method_.textbook.reset();
    EXPECT_EQ(row_verdict(row_, row_ledger(row_)), std::nullopt);
    method_.textbook.emplace();
    EXPECT_NE(row_verdict(row_, row_ledger(row_)), std::nullopt);
    sample().error = "a block is bad";
    EXPECT_EQ(row_verdict(row_, row_ledger(row_)), std::nullopt);
}

/// A transfer of a round, by its goodput.
Sample timed(unsigned round, bool is_watched, double goodput_gbps)
{
    Sample sample;
    sample.round = round;
    sample.watched = is_watched;
    sample.goodput_gbps = goodput_gbps;
    return sample;
}

TEST(LedgerCost, WatchedByUnwatchedOfTheSameRowAndRound)
{
    const std::vector<Row> rows{
        row_of({timed(0, true, 9), timed(0, false, 10), timed(1, false, 20), timed(1, true, 16)}),
        row_of({timed(0, false, 2), timed(0, true, 1)}),
    };
    const auto cost = ledger_cost(rows);
    ASSERT_TRUE(cost);
    EXPECT_EQ(cost->num_pairs, 3U);
    EXPECT_EQ(cost->median, 0.8); // of 0.9, 0.8, 0.5
    EXPECT_EQ(cost->ci95, std::nullopt);
}

TEST(LedgerCost, IntervalFromSixPairs)
{
    std::vector<Sample> samples;
    for (unsigned round = 0; round < 6; ++round) {
        samples.push_back(timed(round, false, 8));
        samples.push_back(timed(round, true, 8 - round));
    }
    const Row row = row_of(samples);
    const auto cost = ledger_cost({&row, 1});
    ASSERT_TRUE(cost);
    EXPECT_EQ(cost->ci95, std::pair(0.375, 1.0));
}

TEST(LedgerCost, NothingWithoutAPair)
{
    const std::vector<std::vector<Row>> all_rows{
        {},
        {row_of({timed(0, true, 9), timed(1, false, 10)})},
        {row_of({timed(0, true, 9)}), row_of({timed(0, false, 10)})},
        {row_of({failed(timed(0, true, 9)), timed(0, false, 10)})},
        {row_of({timed(0, true, 9), failed(timed(0, false, 10))})},
        {row_of({timed(0, true, 9), timed(0, false, 0)})},
    };
    for (std::size_t i = 0; i < all_rows.size(); ++i)
        EXPECT_FALSE(ledger_cost(all_rows[i])) << i;
}

} // namespace
} // namespace pagewire::testbed
