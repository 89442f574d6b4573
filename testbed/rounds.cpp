// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/rounds.hpp"

#include "testbed/statistics.hpp"

#include <algorithm>
#include <numeric>

namespace pagewire::testbed {

namespace {

/// Ceilings are rates and never watched. Without a ledger there is nothing to run twice for; the
/// transfers say themselves what they lack.
std::vector<Turn> turns_of_a_round(std::vector<Task>& tasks, LedgerMode mode, bool has_ledger)
{
    std::vector<Turn> turns;
    for (Task& task : tasks) {
        if (!task.row.skipped.empty())
            continue;
        const bool can_watch = !task.is_ceiling && mode != LedgerMode::kOff;
        if (can_watch)
            turns.push_back({.task = &task, .watched = true});
        if (!can_watch || (has_ledger && mode == LedgerMode::kApart))
            turns.push_back({.task = &task, .watched = false});
    }
    return turns;
}

} // namespace

Rounds::Rounds(const Plan& plan, std::vector<Task>& tasks, bool has_ledger)
    : plan_(plan),
      tasks_(tasks),
      all_(turns_of_a_round(tasks, plan.ledger, has_ledger)),
      random_(plan.seed)
{
    const bool timed_watched = plan.ledger == LedgerMode::kWith || !has_ledger;
    for (const Turn& turn : all_) {
        const bool for_the_clock = !turn.watched || timed_watched;
        if (for_the_clock && !turn.task->is_ceiling)
            more_.push_back(turn);
        if (for_the_clock)
            warm_.push_back({.task = turn.task, .watched = false});
    }
}

bool Rounds::next()
{
    const unsigned first_extra = plan_.warmup + plan_.rounds;
    if (started_ >= plan_.warmup + plan_.last_round() ||
        (started_ >= first_extra && target_reached()))
        return false;
    if (started_ < plan_.warmup)
        turns_ = warm_;
    else
        turns_ = started_ < first_extra ? all_ : more_;
    std::shuffle(turns_.begin(), turns_.end(), random_);
    ++started_;
    return !turns_.empty();
}

bool Rounds::target_reached() const
{
    const double target = plan_.target_percent / 100.0;
    return std::all_of(tasks_.begin(), tasks_.end(), [target](const Task& task) {
        // A row that fails will not be known better by more rounds.
        if (task.is_ceiling || !task.row.skipped.empty() || task.row.status() == "failed")
            return true;
        const auto half_width = relative_half_width(task.row.goodputs());
        return half_width && *half_width <= target;
    });
}

void Rounds::end(RunResult& result) const
{
    (is_warmup() ? result.num_warmups : result.num_rounds) += 1;
    if (plan_.rounds_max > 0)
        result.target_reached = target_reached();
}

std::size_t Rounds::num_total() const
{
    return warm_.size() * plan_.warmup + all_.size() * plan_.rounds +
           more_.size() * (plan_.last_round() - plan_.rounds);
}

double Rounds::total(const std::function<double(const Task&)>& cost, unsigned num_rounds) const
{
    const auto of_round = [&](const std::vector<Turn>& turns) {
        return std::accumulate(turns.begin(), turns.end(), 0.0, [&](double sum, const Turn& turn) {
            return sum + cost(*turn.task);
        });
    };
    return of_round(warm_) * plan_.warmup + of_round(all_) * plan_.rounds +
           of_round(more_) * (num_rounds - plan_.rounds);
}

} // namespace pagewire::testbed
