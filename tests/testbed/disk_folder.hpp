// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/source_file.hpp"
#include "core/unique_fd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace pagewire::testbed {

/// The user that the tests turn into where root would be let through.
inline constexpr uid_t kNobody = 65534;

inline std::string file_system_of(const std::string& folder)
{
    const core::UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return core::file_system_name(fd.get());
}

/// Runs `call` in a process of its own; its wait status.
template<typename Call>
int status_of_child(Call call)
{
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            call();
        } catch (...) {
            ::_exit(1);
        }
        ::_exit(0);
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
}

/// A folder on a disk: /var/tmp is meant to outlive a reboot, /tmp is often in memory.
class DiskFolder : public ::testing::Test {
  protected:
    void SetUp() override
    {
        std::string pattern = "/var/tmp/pagewire-generated-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        if (file_system_of(folder_) == "tmpfs")
            GTEST_SKIP() << "/var/tmp is in memory on this machine";
    }

    void TearDown() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::string path(const std::string& name) const { return folder_ + '/' + name; }

    [[nodiscard]] bool is_empty() const { return std::filesystem::is_empty(folder_); }

    std::string folder_;
};

} // namespace pagewire::testbed
