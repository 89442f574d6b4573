// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/net_namespace.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace pagewire::nic {

/// What a device stamps, for all of its users: struct hwtstamp_config
/// (Documentation/networking/timestamping.rst, section 3.1).
struct HwTimestamping {
    std::uint32_t flags = 0;
    std::uint32_t tx_type = 0;   ///< enum hwtstamp_tx_types
    std::uint32_t rx_filter = 0; ///< enum hwtstamp_rx_filters

    bool operator==(const HwTimestamping&) const = default;
};

/// Nothing where the driver stamps nothing, or does not tell. Throws core::UsageError where there
/// is no such interface, core::SystemError for the rest.
[[nodiscard]] std::optional<HwTimestamping> read_hw_timestamping(const NetNamespace& netns,
                                                                 const std::string& interface);

/// Returns what the driver has made of it: it may stamp more packets than it was asked to. Throws
/// as read_hw_timestamping() does, core::UsageError also where the driver stamps nothing, and
/// core::TransferError where it stamps less than was asked for.
HwTimestamping set_hw_timestamping(const NetNamespace& netns, const std::string& interface,
                                   const HwTimestamping& wanted);

} // namespace pagewire::nic
