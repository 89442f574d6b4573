// SPDX-License-Identifier: BSD-3-Clause
#include "nic/pci_device.hpp"

#include "core/system_root.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace pagewire::nic {

namespace {

namespace fs = std::filesystem;

/// The last part of what a symbolic link points to; empty where there is none.
std::string link_target(const fs::path& path)
{
    std::error_code error;
    const fs::path target = fs::read_symlink(path, error);
    return error ? std::string{} : target.filename().string();
}

/// Bridges keep the kernel's driver, which VFIO allows.
bool is_bridge_driver(std::string_view driver)
{
    return driver == "pcieport" || driver == "shpchp";
}

} // namespace

bool is_pci_address(std::string_view text)
{
    constexpr std::string_view pattern = "xxxx:xx:xx.x";
    return text.size() == pattern.size() &&
           std::equal(text.begin(), text.end(), pattern.begin(), [](char octet, char kind) {
               return kind == 'x' ? std::isxdigit(static_cast<unsigned char>(octet)) != 0 &&
                                        std::isupper(static_cast<unsigned char>(octet)) == 0
                                  : octet == kind;
           });
}

std::optional<PciDevice> find_pci_device(const std::string& address, const fs::path& sysfs)
{
    const fs::path folder = sysfs / "bus/pci/devices" / address;
    std::error_code error;
    if (!is_pci_address(address) || !fs::exists(folder, error))
        return std::nullopt;
    PciDevice device{.address = address,
                     .driver = link_target(folder / "driver"),
                     .interfaces = core::names_in(folder / "net"),
                     .iommu_group = {},
                     .group_mates = {}};
    const std::string group = link_target(folder / "iommu_group");
    if (group.empty())
        return device;
    device.iommu_group = group;
    for (const std::string& mate : core::names_in(folder / "iommu_group/devices")) {
        const std::string driver = link_target(sysfs / "bus/pci/devices" / mate / "driver");
        if (mate != address && !driver.empty() && !is_userspace_driver(driver) &&
            !is_bridge_driver(driver))
            device.group_mates.push_back(fmt::format("{} ({})", mate, driver));
    }
    return device;
}

bool is_userspace_driver(std::string_view driver)
{
    constexpr std::array<std::string_view, 3> drivers{"vfio-pci", "igb_uio", "uio_pci_generic"};
    return std::find(drivers.begin(), drivers.end(), driver) != drivers.end();
}

std::string vfio_obstacle(const PciDevice& device, const fs::path& sysfs)
{
    if (device.driver != "vfio-pci" && is_userspace_driver(device.driver))
        return {}; // UIO knows no IOMMU
    std::error_code error;
    if (!fs::exists(sysfs / "bus/pci/drivers/vfio-pci", error))
        return "the kernel's driver vfio-pci is not loaded: modprobe vfio-pci";
    if (!device.iommu_group) {
        return fmt::format("{} is behind no IOMMU: switch it on in the firmware and boot with "
                           "intel_iommu=on (Intel)",
                           device.address);
    }
    if (!device.group_mates.empty()) {
        return fmt::format("IOMMU group {} of {} holds also {}: vfio-pci must have all of them",
                           *device.iommu_group, device.address,
                           fmt::join(device.group_mates, ", "));
    }
    return {};
}

std::string give_commands(const PciDevice& device)
{
    const std::string folder = fmt::format("/sys/bus/pci/devices/{}", device.address);
    return fmt::format("echo vfio-pci > {0}/driver_override; {1}echo {2} > "
                       "/sys/bus/pci/drivers_probe",
                       folder,
                       device.driver.empty()
                           ? std::string{}
                           : fmt::format("echo {} > {}/driver/unbind; ", device.address, folder),
                       device.address);
}

std::string give_back_commands(const PciDevice& device)
{
    return fmt::format("echo > /sys/bus/pci/devices/{0}/driver_override; echo {0} > "
                       "/sys/bus/pci/devices/{0}/driver/unbind; echo {0} > "
                       "/sys/bus/pci/drivers_probe",
                       device.address);
}

} // namespace pagewire::nic
