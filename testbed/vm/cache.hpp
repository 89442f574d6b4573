// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

/// What the lab has fetched: "vm" in the folder of generated files (cache_folder()).
namespace pagewire::testbed::vm {

/// The folder and, as long as this lives, the right to change it: one process at a time fetches,
/// others wait for it. A process that is killed in the middle leaves a ".partial" folder, which the
/// next one removes.
class Cache {
  public:
    /// Throws core::UsageError where there is no such folder or it cannot be written.
    explicit Cache(std::filesystem::path folder);

    [[nodiscard]] static std::filesystem::path default_folder();

    /// `name` in the folder: made by `fill` in an empty folder beside it, which then gets the name
    /// in one step, in place of an older one. Needs `bytes_needed` free: throws core::UsageError
    /// that says so.
    std::filesystem::path make(const std::string& name, std::uint64_t bytes_needed,
                               const std::function<void(const std::filesystem::path&)>& fill);

    [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }

  private:
    std::filesystem::path folder_;
    core::UniqueFd lock_;
};

} // namespace pagewire::testbed::vm
