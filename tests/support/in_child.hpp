// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

namespace pagewire::tests {

/// Runs `call` in a process of its own, for what cannot be undone in this one: the code (0 to 254)
/// that it returns, or -1 where it throws or dies.
template<typename Call>
int in_child(Call call)
{
    constexpr int threw = 255;
    const pid_t child = ::fork();
    if (child == 0) {
        int code = threw;
        try {
            code = call();
        } catch (const std::exception& error) {
            std::fprintf(stderr, "in the child: %s\n", error.what());
        }
        ::_exit(code);
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) != threw ? WEXITSTATUS(status) : -1;
}

} // namespace pagewire::tests
