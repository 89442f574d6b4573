// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"

#include <filesystem>

/// Where is noted what is changed of the machine, for as long as it is: gone with the next boot, as
/// the changes are.
namespace pagewire::nic {

/// $PAGEWIRE_STATE_DIR, else /run/pagewire.
[[nodiscard]] std::filesystem::path state_folder();

/// The file, locked until the descriptor is closed, or the process gone however it ends; without a
/// descriptor where another has the lock. `flags` may be O_CREAT. Throws SystemError.
[[nodiscard]] core::UniqueFd lock_entry(const std::filesystem::path& path, int flags);

} // namespace pagewire::nic
