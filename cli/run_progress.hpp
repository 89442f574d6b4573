// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "cli/progress.hpp"
#include "testbed/experiment.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pagewire::cli {

enum class ProgressKind : std::uint8_t {
    kAuto,  ///< a live line where stderr is a terminal, nothing elsewhere
    kPlain, ///< a line for each round
    kNone,
};

/// The word of --progress; throws core::UsageError that lists those that there are.
[[nodiscard]] ProgressKind parse_progress_kind(std::string_view text);

/// How far a run is, on stderr.
class RunProgress {
  public:
    explicit RunProgress(ProgressKind kind) : kind_(kind) {}

    void show(const testbed::ProgressNote& note);

    /// What comes next on the terminal begins on a line of its own.
    void clear() { line_.clear(); }

  private:
    ProgressKind kind_;
    ProgressLine line_;
    std::optional<unsigned> round_; // that was last told of
};

/// The live line: "[57/383] round 3 of 40: read_write cold, last 18.20 Gb/s, 1:42 left".
[[nodiscard]] std::string progress_text(const testbed::ProgressNote& note);

} // namespace pagewire::cli
