// SPDX-License-Identifier: BSD-3-Clause
#include "core/error.hpp"
#include "testbed/result.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

namespace pagewire::testbed {

namespace {

/// Value of the first line "key<separator>value" of a file; empty where there is none.
std::string value_of(const char* file, const std::string& key, char separator)
{
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
        const auto at = line.find(separator);
        if (line.rfind(key, 0) != 0 || at == std::string::npos)
            continue;
        const auto first = line.find_first_not_of(" \t\"", at + 1);
        const auto last = line.find_last_not_of(" \t\"");
        return first == std::string::npos ? std::string{} : line.substr(first, last - first + 1);
    }
    return {};
}

} // namespace

nlohmann::json host_facts()
{
    utsname kernel{};
    core::checked(::uname(&kernel), "uname");
    return {{"kernel", std::string(kernel.release)},
            {"machine", std::string(kernel.machine)},
            {"distribution", value_of("/etc/os-release", "PRETTY_NAME", '=')},
            {"processor", value_of("/proc/cpuinfo", "model name", ':')},
            {"num_cpus", ::sysconf(_SC_NPROCESSORS_ONLN)},
            {"memory_bytes", static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                                 static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))}};
}

} // namespace pagewire::testbed
