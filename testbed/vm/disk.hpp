// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"
#include "testbed/vm/tools.hpp"

#include <cstdint>
#include <filesystem>

namespace pagewire::testbed::vm {

/// The medium of the guest's NVMe disk: an ext4 without journal that holds what is in `content`. A
/// file without a name on the disk of `folder`, which takes no space but for what is written, and
/// goes with its descriptors. Throws core::UsageError where it does not fit.
[[nodiscard]] core::UniqueFd make_disk(const std::filesystem::path& folder,
                                       const std::filesystem::path& content, std::uint64_t bytes,
                                       const Tools& tools);

} // namespace pagewire::testbed::vm
