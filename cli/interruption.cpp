// SPDX-License-Identifier: BSD-3-Clause
#include "cli/interruption.hpp"

#include "core/error.hpp"

#include <csignal>

namespace pagewire::cli {

namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "written by a signal handler");

} // namespace

void catch_interruptions()
{
    struct sigaction action {};

    action.sa_handler = [](int) { interrupted.store(true); };
    action.sa_flags =
        SA_RESETHAND; // the second one ends the process, and the kernel all that it made
    for (const int signal : {SIGINT, SIGTERM, SIGHUP})
        core::checked(::sigaction(signal, &action, nullptr), "sigaction");
}

const std::atomic<bool>& interruption()
{
    return interrupted;
}

} // namespace pagewire::cli
