// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/plan.hpp"
#include "testbed/result.hpp"
#include "testbed/transfer.hpp"

#include <cstddef>
#include <functional>
#include <random>
#include <span>
#include <vector>

namespace pagewire::testbed {

/// A cell of the experiment and the row that its samples go to.
struct Task {
    Cell cell;
    Row row;
    bool is_ceiling = false;
};

/// One transfer of a round.
struct Turn {
    Task* task = nullptr;
    bool watched = false;
};

/// Which transfers run, in which order, and for how long.
///
///     warm-up rounds            every cell once, unwatched; thrown away
///     the plan's rounds         every cell unwatched and watched (as the plan's ledger mode says)
///     more, up to rounds_max    every row unwatched, until each interval is within the target
///
/// Within a round the order is drawn anew from the plan's seed: what drifts hits all alike.
class Rounds {
  public:
    /// `tasks` outlive it and stay where they are.
    Rounds(const Plan& plan, std::vector<Task>& tasks, bool has_ledger);

    /// Prepares the next round; false: there is none.
    [[nodiscard]] bool next();

    [[nodiscard]] std::span<const Turn> turns() const noexcept { return turns_; }

    [[nodiscard]] bool is_warmup() const noexcept { return started_ <= plan_.warmup; }

    /// Of the round's samples, from 0; of no meaning in a warm-up.
    [[nodiscard]] unsigned number() const noexcept
    {
        return is_warmup() ? 0 : started_ - plan_.warmup - 1;
    }

    /// The round was run to its end.
    void end(RunResult& result) const;

    void count_done() noexcept { ++num_done_; }

    [[nodiscard]] std::size_t num_done() const noexcept { return num_done_; }

    /// Transfers, at most.
    [[nodiscard]] std::size_t num_total() const;

    /// Sum of `cost` over all transfers, if there are `num_rounds` rounds beside the warm-up.
    [[nodiscard]] double total(const std::function<double(const Task&)>& cost,
                               unsigned num_rounds) const;

  private:
    [[nodiscard]] bool target_reached() const;

    const Plan& plan_;
    std::vector<Task>& tasks_;
    std::vector<Turn> all_;  // a round of the plan's
    std::vector<Turn> warm_; // every cell once
    std::vector<Turn> more_; // rows alone, for the clock
    std::vector<Turn> turns_;
    std::mt19937_64 random_;
    unsigned started_ = 0; // warm-ups included
    std::size_t num_done_ = 0;
};

} // namespace pagewire::testbed
