// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/vm/apt.hpp"
#include "testbed/vm/cache.hpp"
#include "testbed/vm/tools.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::testbed::vm {

/// A kernel that the guest can run.
struct Kernel {
    std::string release;           ///< of uname(2): "6.1.0-50-amd64"
    std::filesystem::path image;   ///< vmlinuz
    std::filesystem::path modules; ///< lib/modules/RELEASE, with depmod's tables
};

/// Name of the newest kernel that is to be had.
inline constexpr const char* kNewestKernel = "newest";

/// "7.3", "6.1.0" and "6.1.0-50-amd64" name a release that begins so, up to the end of a number.
[[nodiscard]] bool names_release(std::string_view name, std::string_view release);

/// Debian's order of versions, for those of kernels: numbers by their value, the rest by its
/// letters, '~' before the end.
[[nodiscard]] bool version_less(std::string_view a, std::string_view b);

/// What of `versions` (of the package linux-image-amd64) is meant; throws core::UsageError that
/// lists them where none is.
[[nodiscard]] PackageVersion choose_kernel(const std::vector<PackageVersion>& versions,
                                           std::string_view name);

/// Kernels in the cache, the newest first.
[[nodiscard]] std::vector<Kernel> cached_kernels(const std::filesystem::path& cache);

/// The kernel that `name` names, of the cache; where it is not there, Debian's package of it is
/// fetched and unpacked. "newest" is the newest that there was when it was last fetched by that
/// name, or with `update`; where nothing can be fetched, the newest in the cache. `note` is told
/// what takes its time. Throws core::UsageError.
[[nodiscard]] Kernel find_kernel(Cache& cache, const Tools& tools, const std::string& name,
                                 bool update, const std::function<void(const std::string&)>& note);

} // namespace pagewire::testbed::vm
