// SPDX-License-Identifier: BSD-3-Clause
#include "nic/device_guard.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace pagewire::nic {

using Kind = DeviceChange::Kind;

DeviceGuard::DeviceGuard(const NetNamespace& netns, std::string interface,
                         std::optional<std::filesystem::path> journal)
    : netns_(netns),
      interface_(std::move(interface)),
      snapshot_(read_device_state(netns_, interface_)),
      folder_(std::move(journal))
{}

DeviceGuard::~DeviceGuard()
{
    try {
        restore();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pagewire: %s\n", error.what());
    }
}

void DeviceGuard::claim()
{
    if (folder_ && !journal_) {
        std::optional<DeviceJournal> opened(std::in_place, *folder_, netns_, interface_, snapshot_);
        // The lock is had only now: what another has changed before it must not pass for what was.
        if (read_device_state(netns_, interface_) != snapshot_) {
            opened->remove();
            throw core::UsageError(
                fmt::format("{}: another has changed it meanwhile: start again", interface_));
        }
        journal_ = std::move(opened);
    }
}

/// In the journal, before the change.
void DeviceGuard::note(const DeviceChange& change)
{
    claim();
    if (journal_)
        journal_->note(change);
}

/// The same kind twice is one change, back to the same snapshot; features and addresses add up.
void DeviceGuard::before(const DeviceChange& change)
{
    const auto same = std::find_if(changes_.begin(), changes_.end(), [&](const auto& earlier) {
        return earlier.kind == change.kind && change.kind != Kind::kAddress;
    });
    if (same == changes_.end()) {
        note(change);
        changes_.push_back(change);
        return;
    }
    FeatureSettings features = same->features;
    features.insert(change.features.begin(), change.features.end());
    if (features == same->features)
        return;
    note(change);
    same->features = std::move(features);
}

void DeviceGuard::apply(const FeatureSettings& settings)
{
    apply_over_snapshot(
        netns_, interface_, snapshot_.features, settings,
        [&](const FeatureSettings& undo) { before({.kind = Kind::kFeatures, .features = undo}); });
}

void DeviceGuard::set_mtu(std::uint32_t mtu)
{
    if (link_facts(netns_, interface_).mtu == mtu)
        return;
    before({.kind = Kind::kMtu});
    nic::set_mtu(netns_, interface_, mtu);
}

void DeviceGuard::change_up(bool up)
{
    if (link_facts(netns_, interface_).up == up)
        return;
    before({.kind = Kind::kUp});
    if (up)
        set_link_up(netns_, interface_);
    else
        set_link_down(netns_, interface_);
}

void DeviceGuard::set_up()
{
    change_up(true);
}

void DeviceGuard::set_down()
{
    change_up(false);
}

void DeviceGuard::set_rings(const RingSettings& settings)
{
    const auto now = read_rings(netns_, interface_);
    if (now)
        before({.kind = Kind::kRings});
    nic::set_rings(netns_, interface_, settings);
}

HwTimestamping DeviceGuard::set_hw_timestamping(const HwTimestamping& wanted)
{
    const auto now = read_hw_timestamping(netns_, interface_);
    if (now == wanted)
        return wanted;
    if (now)
        before({.kind = Kind::kHwTimestamping});
    return nic::set_hw_timestamping(netns_, interface_, wanted);
}

void DeviceGuard::add_address(const InterfaceAddress& address)
{
    if (address.prefix_length > num_bits(address.address)) {
        throw core::UsageError(fmt::format("{}: {} is no address of an interface", interface_,
                                           format_interface_address(address)));
    }
    // Undoing must not take one away that was there before.
    const auto there = addresses(netns_, interface_);
    const auto same = [&](const auto& it) { return it.address == address.address; };
    if (std::any_of(there.begin(), there.end(), same)) {
        throw core::UsageError(
            fmt::format("{}: has the address {} already", interface_, format_ip(address.address)));
    }
    before({.kind = Kind::kAddress, .address = address});
    nic::add_address(netns_, interface_, address);
}

void DeviceGuard::add_address(std::uint32_t ipv4, unsigned prefix_length)
{
    add_address({.address = ipv4, .prefix_length = prefix_length});
}

void DeviceGuard::add_address(const Ipv6Address& ipv6, unsigned prefix_length)
{
    add_address({.address = ipv6, .prefix_length = prefix_length});
}

void DeviceGuard::restore()
{
    if (!changes_.empty())
        undo_changes(netns_, snapshot_, changes_);
    if (journal_)
        journal_->remove();
    journal_.reset();
}

} // namespace pagewire::nic
