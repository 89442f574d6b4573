// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "nic/features.hpp"
#include "nic/hw_timestamping.hpp"
#include "nic/link.hpp"
#include "nic/net_namespace.hpp"
#include "nic/rings.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What pagewire changes of a device, and how each change is undone: the same for a guard at its
/// end and for the journal of a process that was killed.
namespace pagewire::nic {

/// A device within one network namespace, whatever its name is now. An index may be given again to
/// another device; the hardware address tells the two apart.
struct DeviceIdentity {
    std::uint32_t ifindex = 0;
    core::MacAddress mac{};

    bool operator==(const DeviceIdentity&) const = default;
};

struct DeviceState {
    DeviceIdentity identity;
    std::uint32_t mtu = 0;
    bool up = false;
    FeatureTable features;
    std::optional<RingSettings> rings;             ///< absent: the driver has none
    std::optional<HwTimestamping> hw_timestamping; ///< absent: the driver has none

    bool operator==(const DeviceState&) const = default;
};

/// Throws core::UsageError where there is no such interface, core::SystemError for the rest.
[[nodiscard]] DeviceState read_device_state(const NetNamespace& netns,
                                            const std::string& interface);

/// What of a state was changed, or was about to be.
struct DeviceChange {
    enum class Kind : std::uint8_t { kFeatures, kMtu, kUp, kRings, kHwTimestamping, kAddress };

    Kind kind = Kind::kFeatures;
    FeatureSettings features{};                ///< kFeatures: what was wanted before of those asked
    std::optional<InterfaceAddress> address{}; ///< kAddress: the one added

    bool operator==(const DeviceChange&) const = default;
};

/// The interface of this identity now; nothing where there is none. Throws core::SystemError.
[[nodiscard]] std::optional<std::string> find_device(const NetNamespace& netns,
                                                     const DeviceIdentity& identity);

/// Brings the device of `before` back, the last change first, and verifies it. What is undone is
/// taken from `changes`; with the device gone, all is. Throws core::TransferError that names what
/// could not be undone and the commands that do it, with those changes left in `changes`.
void undo_changes(const NetNamespace& netns, const DeviceState& before,
                  std::vector<DeviceChange>& changes);

/// "MTU 1500, features tx-scatter-gather on": what undoing brings back.
[[nodiscard]] std::string describe_changes(const DeviceState& before,
                                           const std::vector<DeviceChange>& changes);

} // namespace pagewire::nic
