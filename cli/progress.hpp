// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace pagewire::cli {

/// One line on stderr that says how far a run is; nothing where stderr is not a terminal.
class ProgressLine {
  public:
    void show(std::size_t num_done, std::size_t num_total, const std::string& what)
    {
        if (!is_terminal_)
            return;
        fmt::print(stderr, "\r\033[K[{}/{}] {}", num_done + 1, num_total, what);
        std::fflush(stderr);
        shown_ = true;
    }

    void clear()
    {
        if (shown_)
            fmt::print(stderr, "\r\033[K");
        shown_ = false;
    }

    ProgressLine() = default;
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;

    ~ProgressLine() { clear(); }

  private:
    bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
    bool shown_ = false;
};

} // namespace pagewire::cli
