// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/device_state.hpp"
#include "nic/net_namespace.hpp"
#include "nic/state_journal.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pagewire::nic {

/// Changes a device, and keeps it as it was: snapshots at construction, undoes at destruction what
/// was changed through it, and nothing else.
///
/// A kind of thing that was never changed is never touched: several guards may stand on one device
/// as long as they change different kinds. A device that was renamed meanwhile is found again; one
/// that is gone has nothing to restore.
///
/// With a journal, what is changed is on disk before it is: a killed process's changes are undone
/// by restore_nic_states(). Nothing is written where nothing is changed. The device is this guard's
/// alone then, from the first change to restore(): another guard with a journal is refused.
///
/// Two things do not come back, as the kernel forgets them: what set_down() takes along (routes
/// over the interface, and its IPv6 addresses), and IPv6 addresses when the MTU falls below 1280.
class DeviceGuard {
  public:
    /// `journal`: the folder of the journal; nothing for links of the caller's own namespaces,
    /// which are gone with it. Throws core::UsageError where there is no such interface,
    /// core::SystemError for the rest.
    DeviceGuard(const NetNamespace& netns, std::string interface,
                std::optional<std::filesystem::path> journal = std::nullopt);
    DeviceGuard(const DeviceGuard&) = delete;
    DeviceGuard& operator=(const DeviceGuard&) = delete;
    /// Restores; never throws: a failure goes to stderr, in one line with the commands that mend
    /// it.
    ~DeviceGuard();

    /// Takes the device before the first change, which else does so: an empty entry in the journal,
    /// locked. Without a journal, nothing. Throws core::UsageError where another has it, or a
    /// killed process has left it changed; core::SystemError for the rest.
    void claim();

    /// As FeatureGuard::apply(): as found, but for `settings`.
    void apply(const FeatureSettings& settings);

    /// As the functions of these names (nic/link.hpp, nic/rings.hpp, nic/hw_timestamping.hpp). All
    /// throw core::UsageError, core::TransferError or core::SystemError, and are undone also where
    /// they did.
    void set_mtu(std::uint32_t mtu);
    void set_up();
    void set_down();
    void set_rings(const RingSettings& settings);
    HwTimestamping set_hw_timestamping(const HwTimestamping& wanted);
    /// One that the interface has already is an error (core::UsageError), and stays.
    void add_address(std::uint32_t ipv4, unsigned prefix_length);
    void add_address(const Ipv6Address& ipv6, unsigned prefix_length);
    void add_address(const InterfaceAddress& address);

    /// Back to the snapshot, verified; the guard can be used on. Throws core::TransferError with
    /// the commands that mend what could not be.
    void restore();

    [[nodiscard]] const std::string& interface() const noexcept { return interface_; }

    [[nodiscard]] const DeviceState& snapshot() const noexcept { return snapshot_; }

  private:
    void before(const DeviceChange& change);
    void note(const DeviceChange& change);
    void change_up(bool up);

    const NetNamespace& netns_;
    std::string interface_;
    DeviceState snapshot_;
    std::optional<std::filesystem::path> folder_;
    std::optional<DeviceJournal> journal_; // from the first change on
    std::vector<DeviceChange> changes_;    // in order, noted before each is made
};

} // namespace pagewire::nic
