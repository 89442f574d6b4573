// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

/// Programs of the machine that the lab uses: apt-get, dpkg-deb, depmod, qemu-system-x86_64.
namespace pagewire::testbed::vm {

struct ProgramEnd {
    int exit_code = 0; ///< 128 + N where signal N ended it
    std::string out;
    std::string err;
};

struct ProgramConfig {
    std::vector<std::string> args = {}; ///< args[0] is the path, or a name to look up in $PATH
    std::string name = {};              ///< argv[0] that it sees; empty: args[0]
    std::vector<std::string> environment = {}; ///< "NAME=value", laid over this process's own
    std::vector<int> inherited = {}; ///< descriptors that stay open in it, by their numbers
    std::optional<int> out = {};     ///< its stdout and stderr
    std::optional<int> err = {};
    std::function<void()> before_exec = {}; ///< in the child; may throw
};

/// Starts a program that is killed when this process ends, however it ends (PR_SET_PDEATHSIG). Its
/// standard input is empty, and so are outputs that are not given. Throws SystemError.
[[nodiscard]] pid_t start_program(const ProgramConfig& config);

/// Runs it to its end and gathers its outputs. A program that cannot be started ends with 127.
[[nodiscard]] ProgramEnd run_program(ProgramConfig config);

/// The same; throws core::UsageError "NAME ARGS: the last line of its stderr" where the exit code
/// is not 0.
std::string output_of(ProgramConfig config);

/// Where $PATH or the folders of system programs have it.
[[nodiscard]] std::optional<std::string> find_program(const std::string& name);

/// Waits; 128 + N where signal N ended it.
[[nodiscard]] int wait_for(pid_t pid);

} // namespace pagewire::testbed::vm
