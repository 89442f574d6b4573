// SPDX-License-Identifier: BSD-3-Clause
#include "cli/pause.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace pagewire::cli {

namespace {

constexpr int kLookAgainMs = 100;

} // namespace

void pause_before(const testbed::Cell& cell, pid_t worker, const std::atomic<bool>& interrupted)
{
    fmt::print(stderr,
               "paused before {0} {1}{2}{3}: worker {4} is set up\n"
               "  its system calls         strace -c -f -p {4}\n"
               "  its network namespace    nsenter -t {4} -n ethtool -k pw-near\n"
               "Enter goes on\n",
               cell.method->name, testbed::cache_name(cell.cache), cell.arm.empty() ? "" : " ",
               cell.arm, worker);
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
