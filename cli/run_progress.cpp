// SPDX-License-Identifier: BSD-3-Clause
#include "cli/run_progress.hpp"

#include "testbed/plan_rules.hpp"

#include <fmt/format.h>

#include <chrono>

namespace pagewire::cli {

namespace {

/// Fewer transfers than this say nothing of the pace of the rest.
constexpr std::size_t kPaceTransfers = 4;

std::string round_text(const testbed::ProgressNote& note)
{
    return note.round == 0 ? "warm-up" : fmt::format("round {} of {}", note.round, note.last_round);
}

/// At the pace so far, with as many transfers as there can be: " 1:42 left".
std::string time_left(const testbed::ProgressNote& note)
{
    if (note.num_done < kPaceTransfers)
        return {};
    const double each_s =
        std::chrono::duration<double>(note.elapsed).count() / static_cast<double>(note.num_done);
    const auto left =
        static_cast<unsigned long>(each_s * static_cast<double>(note.num_total - note.num_done));
    return fmt::format(", {}:{:02} left", left / 60, left % 60);
}

} // namespace

ProgressKind parse_progress_kind(std::string_view text)
{
    return testbed::parse_choice<ProgressKind>(text, "kind of --progress",
                                               {{"auto", ProgressKind::kAuto},
                                                {"plain", ProgressKind::kPlain},
                                                {"none", ProgressKind::kNone}});
}

std::string progress_text(const testbed::ProgressNote& note)
{
    return fmt::format(
        "[{}/{}] {}: {}{}{}", note.num_done + 1, note.num_total, round_text(note), note.what,
        note.last_gbps ? fmt::format(", last {:.2f} Gb/s", *note.last_gbps) : "", time_left(note));
}

void RunProgress::show(const testbed::ProgressNote& note)
{
    switch (kind_) {
    case ProgressKind::kAuto:
        line_.show(progress_text(note));
        break;
    case ProgressKind::kPlain:
        if (round_ == note.round)
            break;
        round_ = note.round;
        fmt::print(stderr, "{}: {} of {} transfers done{}\n", round_text(note), note.num_done,
                   note.num_total, time_left(note));
        break;
    case ProgressKind::kNone:
        break;
    }
}

} // namespace pagewire::cli
