// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::testbed::vm {

/// The last lines of the guest kernel's console, and whether it told of its death.
class ConsoleTail {
  public:
    void append(std::string_view text);

    /// The last lines, an unfinished one included; no more than kNumLines.
    [[nodiscard]] std::vector<std::string> lines() const;

    /// The kernel's "Kernel panic - not syncing: why": the line from there on; empty while it has
    /// not said so.
    [[nodiscard]] const std::string& panic() const noexcept { return panic_; }

    static constexpr std::size_t kNumLines = 40;

  private:
    void end_line();

    std::deque<std::string> lines_;
    std::string open_; ///< not ended yet
    std::string panic_;
};

} // namespace pagewire::testbed::vm
