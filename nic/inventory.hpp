// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/system_root.hpp"
#include "nic/device_folder.hpp"
#include "nic/ethtool_replies.hpp"
#include "nic/features.hpp"
#include "nic/link.hpp"
#include "nic/net_namespace.hpp"
#include "nic/xdp_device.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pagewire::nic {

/// Driver, firmware and bus, by ETHTOOL_GDRVINFO. Empty where the driver leaves a field empty.
struct DriverFacts {
    std::string driver;
    std::string version;
    std::string firmware;
    std::string bus; ///< the device's name on its bus: "0000:03:00.0"
};

/// Everything that the kernel says of one interface. What it does not say is absent.
struct Inventory {
    std::string interface;
    LinkFacts facts;
    std::optional<DriverFacts> driver;
    std::optional<LinkModes> modes;
    std::optional<int> numa_node; ///< absent also where the kernel says -1, none
    std::optional<LimitTable> channels;
    std::optional<LimitTable> rings;
    std::optional<Coalescing> coalescing;
    std::optional<Rss> rss;
    std::optional<std::vector<DeviceIrq>> irqs; ///< absent for what has no bus
    FeatureTable features;
    XdpDevice xdp;
    std::optional<Timestamping> timestamping;
    std::vector<std::string> statistics; ///< names of the driver's own (ethtool -S)
};

/// Asks the kernel; changes nothing, and needs no privileges but those to visit the namespace.
/// Throws core::UsageError where there is no such interface, core::SystemError for the rest.
[[nodiscard]] Inventory read_inventory(const NetNamespace& netns, const std::string& interface,
                                       const core::SystemRoot& root = {});

/// The names of all interfaces of a namespace, in the kernel's order.
[[nodiscard]] std::vector<std::string> interface_names(const NetNamespace& netns);

} // namespace pagewire::nic
