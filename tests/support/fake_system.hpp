// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/system_root.hpp"
#include "tests/support/temp_folder.hpp"

#include <filesystem>
#include <fstream>
#include <string>

namespace pagewire::tests {

/// A /proc and a /sys of a test's own.
class FakeSystem {
  public:
    FakeSystem()
    {
        std::filesystem::create_directories(root().proc);
        std::filesystem::create_directories(root().sys);
    }

    [[nodiscard]] core::SystemRoot root() const
    {
        return {.proc = folder_.path("proc"), .sys = folder_.path("sys")};
    }

    /// "proc/meminfo", "sys/devices/system/node/node0/cpulist"; a newline is put at the end.
    FakeSystem& file(const std::string& name, const std::string& text)
    {
        const std::filesystem::path path = folder_.path(name);
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text << '\n';
        return *this;
    }

    FakeSystem& link(const std::string& name, const std::string& target)
    {
        const std::filesystem::path path = folder_.path(name);
        std::filesystem::create_directories(path.parent_path());
        std::filesystem::create_symlink(target, path);
        return *this;
    }

    void remove(const std::string& name) { std::filesystem::remove_all(folder_.path(name)); }

  private:
    TempFolder folder_{std::filesystem::temp_directory_path()};
};

} // namespace pagewire::tests
