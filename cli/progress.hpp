// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <string>

namespace pagewire::cli {

/// One line on stderr that says how far a run is; nothing where stderr is not a terminal.
class ProgressLine {
  public:
    void show(std::size_t num_done, std::size_t num_total, const std::string& what)
    {
        show(fmt::format("[{}/{}] {}", num_done + 1, num_total, what));
    }

    void show(const std::string& text)
    {
        if (!is_terminal_)
            return;
        fmt::print(stderr, "\r\033[K{}", text.substr(0, columns() - 1));
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
    /// A longer text would wrap, and its first line stay.
    static std::size_t columns()
    {
        constexpr std::size_t otherwise = 80;
        winsize size{};
        return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col
                                                                                 : otherwise;
    }

    bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
    bool shown_ = false;
};

} // namespace pagewire::cli
