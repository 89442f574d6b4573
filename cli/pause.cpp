// SPDX-License-Identifier: BSD-3-Clause
#include "cli/pause.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

namespace pagewire::cli {

namespace {

constexpr int kLookAgainMs = 100;

} // namespace

void pause_before(const testbed::Cell& cell, pid_t worker, const std::string& interface,
                  const std::atomic<bool>& interrupted)
{
    const std::string words =
        fmt::format("paused before {0} {1}{2}{3}: worker {4} is set up\n"
                    "  its system calls         strace -f -e raw=write -o calls.log -p {4}\n"
                    "  its network namespace    nsenter -t {4} -n ethtool -k {5}\n"
                    "Enter goes on\n",
                    cell.method->name, testbed::cache_name(cell.cache), cell.arm.empty() ? "" : " ",
                    cell.arm, worker, interface);
    (void)std::fputs(words.c_str(), stderr);
    while (!interrupted.load()) {
        pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
        if (::poll(&input, 1, kLookAgainMs) <= 0)
            continue;
        // Line by line: what follows is for the next pause.
        std::array<char, 1> octet{};
        while (::read(STDIN_FILENO, octet.data(), octet.size()) == 1 && octet[0] != '\n') {
        }
        return;
    }
}

} // namespace pagewire::cli
