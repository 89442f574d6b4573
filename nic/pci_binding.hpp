// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"
#include "nic/state_folder.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace pagewire::nic {

/// Where bindings look and write. The defaults are the machine's.
struct PciPlaces {
    std::filesystem::path sysfs = "/sys";
    std::filesystem::path journal = state_folder() / "pci";
    /// Writes one word to one file of sysfs. Throws SystemError.
    std::function<void(const std::filesystem::path&, const std::string&)> write = write_word;

    static void write_word(const std::filesystem::path& path, const std::string& word);
};

/// A PCI device that is vfio-pci's as long as this lives, and then its kernel driver's again.
///
///     journal entry, locked -> driver_override, unbind, probe ... unbind, probe -> entry removed
///
/// The lock goes with the process, however it ends: an entry without one is of a device that was
/// not given back, and restore_pci_bindings() does so. An entry is a whole line before anything is
/// changed, and stays until all is as it was.
class PciBinding {
  public:
    /// Nothing is changed where the device is a user-space driver's already. Throws UsageError: no
    /// such device, an interface of it is up, no IOMMU, the kernel refuses; and SystemError.
    explicit PciBinding(std::string address, PciPlaces places = {});
    /// What cannot be given back is said on stderr, and tried again by the next start.
    ~PciBinding();
    PciBinding(const PciBinding&) = delete;
    PciBinding& operator=(const PciBinding&) = delete;

  private:
    [[nodiscard]] std::string restore() noexcept;

    std::string address_;
    PciPlaces places_;
    std::string driver_;   // whose it was; empty: nobody's
    core::UniqueFd entry_; // none: nothing was changed
};

/// Gives back what processes did not that are gone. Returns a line for each device: what was done,
/// or what failed and how to do it by hand. Entries that the caller may not open are somebody
/// else's, and left. Never throws.
std::vector<std::string> restore_pci_bindings(const PciPlaces& places = {}) noexcept;

} // namespace pagewire::nic
