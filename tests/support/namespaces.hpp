// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/support/processes.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>

/// The network namespaces that processes are in, and what keeps them alive.
namespace pagewire::tests {

/// The network namespace of a process, as the kernel names it: "net:[4026532000]".
inline std::string namespace_of(pid_t pid)
{
    std::error_code error;
    return std::filesystem::read_symlink(
               std::filesystem::path("/proc") / std::to_string(pid) / "ns" / "net", error)
        .string();
}

/// Any process is in one of these namespaces, or holds a descriptor of one: what keeps a namespace
/// alive.
inline bool any_held(const std::set<std::string>& namespaces)
{
    std::error_code error;
    for (const auto& process : std::filesystem::directory_iterator("/proc")) {
        if (namespaces.contains(
                std::filesystem::read_symlink(process.path() / "ns" / "net", error).string()))
            return true;
        for (const auto& fd : std::filesystem::directory_iterator(process.path() / "fd", error)) {
            if (namespaces.contains(std::filesystem::read_symlink(fd.path(), error).string()))
                return true;
        }
    }
    return false;
}

/// The namespaces of a run's lab: those of its children that are not the test's own.
inline std::set<std::string> lab_namespaces(pid_t run)
{
    std::set<std::string> found;
    for (const Process& child : children_of(run))
        found.insert(namespace_of(child.pid));
    found.erase(namespace_of(::getpid()));
    found.erase("");
    return found;
}

} // namespace pagewire::tests
