// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/rounds.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace pagewire::testbed {
namespace {

using ::testing::UnorderedElementsAre;

core::Method named(std::string_view name)
{
    core::Method method;
    method.name = name;
    return method;
}

const core::Method kFirst = named("first");
const core::Method kSecond = named("second");
const core::Method kCeiling = named("null");

Task task(const core::Method& method, bool is_ceiling = false)
{
    Task made;
    made.cell.method = &method;
    made.row.method = &method;
    made.row.timed_apart = !is_ceiling;
    made.is_ceiling = is_ceiling;
    return made;
}

std::string name(const Turn& turn)
{
    return std::string(turn.task->cell.method->name) + (turn.watched ? " watched" : "");
}

std::vector<std::string> names(const Rounds& rounds)
{
    std::vector<std::string> all;
    std::transform(rounds.turns().begin(), rounds.turns().end(), std::back_inserter(all), name);
    return all;
}

/// Runs a plan's rounds with `goodput` for each unwatched transfer.
struct Outcome {
    RunResult result;
    unsigned num_rounds = 0;
    std::size_t num_transfers = 0;
};

Outcome run(const Plan& plan, std::vector<Task>& tasks,
            const std::function<double(unsigned)>& goodput)
{
    Outcome made;
    Rounds rounds(plan, tasks, true);
    while (rounds.next()) {
        ++made.num_rounds;
        for (const Turn& turn : rounds.turns()) {
            ++made.num_transfers;
            rounds.count_done();
            if (rounds.is_warmup())
                continue;
            Sample sample;
            sample.round = rounds.number();
            sample.watched = turn.watched;
            sample.goodput_gbps = goodput(made.num_rounds);
            turn.task->row.samples.push_back(sample);
        }
        rounds.end(made.result);
        EXPECT_LE(rounds.num_done(), rounds.num_total());
    }
    return made;
}

TEST(Rounds, RowsRunWatchedAndUnwatchedCeilingsOnce)
{
    Plan plan;
    plan.rounds = 2;
    std::vector<Task> tasks{task(kFirst), task(kSecond), task(kCeiling, true)};
    Rounds rounds(plan, tasks, true);
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(rounds.next());
        EXPECT_FALSE(rounds.is_warmup());
        EXPECT_EQ(rounds.number(), static_cast<unsigned>(i));
        EXPECT_THAT(names(rounds), UnorderedElementsAre("first", "first watched", "second",
                                                        "second watched", "null"));
    }
    EXPECT_FALSE(rounds.next());
}

TEST(Rounds, SkippedRowsHaveNone)
{
    Plan plan;
    std::vector<Task> tasks{task(kFirst)};
    tasks[0].row.skipped = "not here";
    Rounds rounds(plan, tasks, true);
    EXPECT_FALSE(rounds.next());
}

TEST(Rounds, WarmupsAreUnwatchedAndComeFirst)
{
    Plan plan;
    plan.rounds = 1;
    plan.warmup = 2;
    std::vector<Task> tasks{task(kFirst), task(kCeiling, true)};
    Rounds rounds(plan, tasks, true);
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(rounds.next());
        EXPECT_TRUE(rounds.is_warmup());
        EXPECT_THAT(names(rounds), UnorderedElementsAre("first", "null"));
    }
    ASSERT_TRUE(rounds.next());
    EXPECT_FALSE(rounds.is_warmup());
    EXPECT_EQ(rounds.number(), 0U);
    EXPECT_FALSE(rounds.next());

    std::vector<Task> again{task(kFirst)};
    const Outcome made = run(plan, again, [](unsigned) { return 1.0; });
    EXPECT_EQ(made.result.num_warmups, 2U);
    EXPECT_EQ(made.result.num_rounds, 1U);
    EXPECT_EQ(again[0].row.samples.size(), 2U); // watched and unwatched, none of the warm-up
    EXPECT_EQ(made.result.target_reached, std::nullopt);
}

TEST(Rounds, EndAsSoonAsEveryIntervalIsNarrow)
{
    Plan plan;
    plan.rounds = 3;
    plan.rounds_max = 50;
    std::vector<Task> tasks{task(kFirst), task(kSecond)};
    const Outcome made = run(plan, tasks, [](unsigned) { return 10.0; });
    EXPECT_EQ(made.num_rounds, 6U); // the fewest that have an interval
    EXPECT_EQ(made.result.target_reached, true);
    // Three rounds for clock and ledger, three more for the clock alone.
    EXPECT_EQ(made.num_transfers, 3U * 4 + 3U * 2);
}

TEST(Rounds, GoOnWhileAnIntervalIsWideAndSayWhenItStays)
{
    Plan plan;
    plan.rounds = 3;
    plan.rounds_max = 20;
    std::vector<Task> tasks{task(kFirst)};
    const Outcome wide =
        run(plan, tasks, [](unsigned round) { return round % 2 == 0 ? 5.0 : 15.0; });
    EXPECT_EQ(wide.num_rounds, 20U);
    EXPECT_EQ(wide.result.target_reached, false);

    std::vector<Task> settling{task(kFirst)};
    const Outcome late =
        run(plan, settling, [](unsigned round) { return round < 4 ? 5.0 * round : 15.0; });
    EXPECT_GT(late.num_rounds, 6U); // the early ones are kept, and outvoted
    EXPECT_LT(late.num_rounds, 20U);
    EXPECT_EQ(late.result.target_reached, true);
}

TEST(Rounds, AFailedRowIsNotWaitedFor)
{
    Plan plan;
    plan.rounds = 1;
    plan.rounds_max = 30;
    std::vector<Task> tasks{task(kFirst), task(kSecond)};
    Sample failed;
    failed.error = "a block is bad";
    tasks[1].row.samples.push_back(failed);
    const Outcome made = run(plan, tasks, [](unsigned) { return 10.0; });
    EXPECT_EQ(made.num_rounds, 6U);
}

TEST(Rounds, TheOrderIsTheSeeds)
{
    Plan plan;
    plan.rounds = 5;
    const auto orders = [&](std::uint64_t seed) {
        plan.seed = seed;
        std::vector<Task> tasks{task(kFirst), task(kSecond), task(kCeiling, true)};
        Rounds rounds(plan, tasks, true);
        std::vector<std::vector<std::string>> all;
        while (rounds.next())
            all.push_back(names(rounds));
        return all;
    };
    EXPECT_EQ(orders(1), orders(1));
    EXPECT_NE(orders(1), orders(2));
    const auto some = orders(1);
    EXPECT_TRUE(std::any_of(some.begin(), some.end(),
                            [&](const auto& order) { return order != some.front(); }));
}

TEST(Rounds, WithoutALedgerEachRowRunsOnce)
{
    Plan plan;
    plan.rounds = 1;
    std::vector<Task> tasks{task(kFirst)};
    Rounds rounds(plan, tasks, false);
    ASSERT_TRUE(rounds.next());
    EXPECT_EQ(rounds.turns().size(), 1U);
}

} // namespace
} // namespace pagewire::testbed
