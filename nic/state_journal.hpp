// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"
#include "nic/device_state.hpp"
#include "nic/state_entry.hpp"
#include "nic/state_folder.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

/// What was changed of the NICs of this machine, on disk as long as it is changed.
///
///     entry, locked -> change -> entry + line -> change ... undone -> entry removed
///
/// One entry for each device, written whole and synced before the change that it tells. The lock
/// goes with the process, however that ends: an entry without one is of a device that was not
/// brought back, and restore_nic_states() does so.
namespace pagewire::nic {

/// The entry of a device that is being changed. While it lives, no other has the device.
class DeviceJournal {
  public:
    /// Nothing is written yet. Throws core::UsageError where another process changes the device, or
    /// one that was killed has left it changed; core::SystemError for the rest.
    DeviceJournal(const std::filesystem::path& folder, const NetNamespace& netns,
                  std::string interface, const DeviceState& before);

    /// To be called before the change is made; on disk on return. Throws core::SystemError.
    void note(const DeviceChange& change);

    /// All is as it was.
    void remove() noexcept;

  private:
    std::filesystem::path path_;
    core::UniqueFd file_;
    std::string head_; // still to be written; empty: it is
    std::uint64_t num_bytes_ = 0;
};

struct NicRestoration {
    enum class Outcome : std::uint8_t {
        kRestored,
        kNothing, ///< nothing is to be restored any more: the device is gone
        kLeft,    ///< not this caller's: a running process's, or of another namespace
        kFailed,
    };

    Outcome outcome = Outcome::kRestored;
    std::string line; ///< for a person
};

/// Brings back the devices of this namespace that processes have left changed which are gone. An
/// entry goes when its device is as it was, is gone, or is of an earlier boot; a damaged one stays.
/// Never throws.
[[nodiscard]] std::vector<NicRestoration>
restore_nic_states(const NetNamespace& netns,
                   const std::filesystem::path& folder = state_folder() / "nic") noexcept;

} // namespace pagewire::nic
