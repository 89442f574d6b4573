// SPDX-License-Identifier: BSD-3-Clause
#include "cli/vm_end.hpp"

#include "cli/commands.hpp"
#include "core/error.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace pagewire::cli {

using testbed::vm::GuestEnd;
using testbed::vm::GuestStream;

namespace {

void put(int fd, std::string_view text)
{
    while (!text.empty()) {
        const ssize_t done = ::write(fd, text.data(), text.size());
        if (done < 0 && errno != EINTR)
            core::throw_errno("write", fd == STDOUT_FILENO ? "standard output" : "standard error");
        text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(done, 0)));
    }
}

void show_console(const GuestEnd& end)
{
    if (end.console.empty())
        return;
    fmt::print(stderr, "last lines of the guest's console:\n");
    for (const std::string& line : end.console)
        fmt::print(stderr, "  {}\n", line);
}

} // namespace

void pass_on(GuestStream stream, std::string_view text, bool with_console)
{
    if (stream == GuestStream::kOut)
        put(STDOUT_FILENO, text);
    else if (stream == GuestStream::kErr || with_console)
        put(STDERR_FILENO, text);
}

int vm_exit_code(const GuestEnd& end, std::chrono::seconds time_limit)
{
    switch (end.how) {
    case GuestEnd::How::kExited:
        return end.exit_code;
    case GuestEnd::How::kDied:
        fmt::print(stderr, "pagewire: vm: the guest died: {}\n", end.reason);
        show_console(end);
        return kVmDied;
    case GuestEnd::How::kTimeLimit:
        fmt::print(stderr, "pagewire: vm: ended after {} s, its time limit{}\n", time_limit.count(),
                   end.release.empty() ? ", before the command began" : "");
        show_console(end);
        return kVmTimeLimit;
    case GuestEnd::How::kInterrupted:
        return kInterrupted;
    }
    return kVmDied;
}

} // namespace pagewire::cli
