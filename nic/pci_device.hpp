// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// PCI devices as sysfs shows them (Documentation/ABI/testing/sysfs-bus-pci), and whether a driver
/// in user space may have one (Documentation/driver-api/vfio.rst).
namespace pagewire::nic {

struct PciDevice {
    std::string address;                 ///< "0000:01:00.0"
    std::string driver;                  ///< empty: none
    std::vector<std::string> interfaces; ///< network interfaces that the driver made of it
    std::optional<std::string> iommu_group;
    /// Others of its group that have a driver which is not for user space: "0000:01:00.1 (igb)".
    /// VFIO gives out a group as a whole.
    std::vector<std::string> group_mates;
};

/// "0000:01:00.0", as sysfs names them: the function of a device, in hexadecimal.
[[nodiscard]] bool is_pci_address(std::string_view text);

/// Nothing where there is no such device. Throws SystemError.
[[nodiscard]] std::optional<PciDevice> find_pci_device(const std::string& address,
                                                       const std::filesystem::path& sysfs = "/sys");

/// One of the drivers by which user space drives a device: vfio-pci, or UIO's.
[[nodiscard]] bool is_userspace_driver(std::string_view driver);

/// Why user space cannot have the device, whoever asks, and what to do; empty where it can.
[[nodiscard]] std::string vfio_obstacle(const PciDevice& device,
                                        const std::filesystem::path& sysfs = "/sys");

/// The shell's words that give a device to vfio-pci, and those that give it back to `driver`.
[[nodiscard]] std::string give_commands(const PciDevice& device);
[[nodiscard]] std::string give_back_commands(const PciDevice& device);

} // namespace pagewire::nic
