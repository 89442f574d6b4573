// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/net_namespace.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

/// NIC features by their ethtool names, over the "ethtool" generic netlink family
/// (Documentation/networking/ethtool-netlink.rst, FEATURES_GET and FEATURES_SET; libnl-genl-3).
namespace pagewire::nic {

struct Feature {
    bool hw = false;     ///< the device can do it and it can be changed
    bool wanted = false; ///< asked for
    bool active = false; ///< in force: what counts
    bool fixed = false;  ///< cannot be changed (ETHTOOL_A_FEATURES_NOCHANGE)

    bool operator==(const Feature&) const = default;
};

/// Every feature that the kernel has a name for, whether the device has it or not.
using FeatureTable = std::map<std::string, Feature>;

/// Feature name to state asked for.
using FeatureSettings = std::map<std::string, bool>;

/// Throws core::UsageError where there is no such interface, core::SystemError for the rest.
[[nodiscard]] FeatureTable read_features(const NetNamespace& netns, const std::string& interface);

/// Asks for the states, reads back what is now active, and throws core::TransferError that names
/// the first feature that did not follow (fixed by the driver, dropped as dependent: with
/// tx-scatter-gather off, tx-tcp-segmentation goes too) with the reason as far as the table tells
/// it; core::UsageError for an unknown name.
void set_features(const NetNamespace& netns, const std::string& interface,
                  const FeatureSettings& settings);

/// Brings the device to "as in `snapshot`, but for `settings`" and verifies both. `before_change`
/// is told the wanted states in the snapshot of all features that will now be asked to change,
/// before anything is; not called where nothing has to be. Throws as set_features() does.
void apply_over_snapshot(const NetNamespace& netns, const std::string& interface,
                         const FeatureTable& snapshot, const FeatureSettings& settings,
                         const std::function<void(const FeatureSettings& undo)>& before_change);

/// Keeps a device's features as they were: snapshots at construction, restores at destruction.
///
/// apply() brings the device to "as found, but for `settings`": a feature set by an earlier apply()
/// and not named by this one goes back to the snapshot, so that each cell of an experiment starts
/// from the same state. What was wanted and what was active are both restored and verified. On a
/// NIC of the host the snapshot is the caller's only promise; in the testbed's own namespaces the
/// device is gone with the process anyway.
class FeatureGuard {
  public:
    FeatureGuard(const NetNamespace& netns, std::string interface);
    FeatureGuard(const FeatureGuard&) = delete;
    FeatureGuard& operator=(const FeatureGuard&) = delete;
    /// Restores; never throws: a failure goes to stderr, in one line with the command that mends
    /// it.
    ~FeatureGuard();

    /// Throws as set_features() does; verified in effect on return.
    void apply(const FeatureSettings& settings);

    /// Back to the snapshot, verified. Throws as set_features() does.
    void restore();

    [[nodiscard]] const FeatureTable& snapshot() const noexcept { return snapshot_; }

  private:
    const NetNamespace& netns_;
    std::string interface_;
    FeatureTable snapshot_;
    FeatureSettings
        undo_; ///< the snapshot's state of every feature that apply() has asked to change
};

} // namespace pagewire::nic
