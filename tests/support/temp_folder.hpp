// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/error.hpp"
#include "core/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>

namespace pagewire::tests {

/// Where tests put files that must be on a disk: $PAGEWIRE_TEST_DIR, else /var/tmp, which is a disk
/// where /tmp may be memory.
inline std::string disk_folder()
{
    const char* folder = std::getenv("PAGEWIRE_TEST_DIR");
    return folder != nullptr ? folder : "/var/tmp";
}

/// A folder of its own that is gone with this object.
class TempFolder {
  public:
    explicit TempFolder(const std::string& parent = disk_folder())
        : path_(parent + "/pagewire-test-XXXXXX")
    {
        if (::mkdtemp(path_.data()) == nullptr)
            core::throw_errno("mkdtemp", path_);
    }

    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;

    ~TempFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    [[nodiscard]] std::string path(const std::string& name) const { return path_ + '/' + name; }

    /// Makes a file, or makes it anew; returns its path.
    std::string write(const std::string& name, std::span<const std::byte> content) const
    {
        std::string file = path(name);
        const core::UniqueFd fd(core::checked(
            ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), "open", file));
        while (!content.empty()) {
            const auto taken =
                core::checked(::write(fd.get(), content.data(), content.size()), "write", file);
            content = content.subspan(static_cast<std::size_t>(taken));
        }
        return file;
    }

  private:
    std::string path_;
};

} // namespace pagewire::tests
