// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

/// Other processes, as /proc shows them.
namespace pagewire::tests {

struct Process {
    pid_t pid = 0;
    pid_t parent = 0;
    char state = 0;      ///< proc(5), /proc/pid/stat
    std::string command; ///< argv[1]
};

/// Nothing when there is no such process.
inline std::optional<Process> process_of(pid_t pid)
{
    const std::filesystem::path folder = std::filesystem::path("/proc") / std::to_string(pid);
    std::ifstream stat(folder / "stat");
    const std::string text((std::istreambuf_iterator<char>(stat)), {});
    const auto behind_name = text.rfind(')');
    if (behind_name == std::string::npos)
        return std::nullopt;
    Process process;
    process.pid = pid;
    std::istringstream(text.substr(behind_name + 1)) >> process.state >> process.parent;
    std::ifstream cmdline(folder / "cmdline");
    std::string program;
    std::getline(cmdline, program, '\0');
    std::getline(cmdline, process.command, '\0');
    return process;
}

/// The name of the file that a process executes; empty when there is no such process.
inline std::string program_of(pid_t pid)
{
    std::error_code error;
    const auto path = std::filesystem::path("/proc") / std::to_string(pid) / "exe";
    return std::filesystem::read_symlink(path, error).filename().string();
}

/// A process that runs. One that has ended and waits for whoever adopted it to notice holds
/// nothing.
inline bool is_running(pid_t pid)
{
    const auto process = process_of(pid);
    return process && process->state != 'Z' && process->state != 'X';
}

inline std::vector<Process> children_of(pid_t parent)
{
    std::vector<Process> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos)
            continue;
        const auto process = process_of(static_cast<pid_t>(std::stol(name)));
        if (process && process->parent == parent && process->state != 'Z')
            found.push_back(*process);
    }
    return found;
}

/// 0 when there is none.
inline pid_t child_named(pid_t root, const std::string& command)
{
    for (const Process& process : children_of(root)) {
        if (process.command == command)
            return process.pid;
    }
    return 0;
}

} // namespace pagewire::tests
