// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/system_root.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

/// A device's place in sysfs and its interrupts.
namespace pagewire::nic {

struct DeviceIrq {
    int number = 0;
    std::string handler;                       ///< "virtio2-input.0"; empty where there is none
    std::optional<std::vector<int>> cpus;      ///< that may take it (smp_affinity_list)
    std::optional<std::vector<int>> effective; ///< that do (effective_affinity_list)

    bool operator==(const DeviceIrq&) const = default;
};

/// By the device's name on its bus ("0000:03:00.0"); nothing where there is no such device. Not by
/// the interface's: sysfs shows the interfaces of the namespace that it was mounted in only, the
/// devices under them to all.
[[nodiscard]] std::optional<std::filesystem::path> device_folder(const core::SystemRoot& root,
                                                                 const std::string& bus_name);

/// Nothing where the machine does not tell, or says that there is none.
[[nodiscard]] std::optional<int> numa_node_of(const std::optional<std::filesystem::path>& device);

/// The message-signalled interrupts of a device by their numbers; where it has none, its one line.
[[nodiscard]] std::vector<DeviceIrq> device_irqs(const core::SystemRoot& root,
                                                 const std::filesystem::path& device);

} // namespace pagewire::nic
