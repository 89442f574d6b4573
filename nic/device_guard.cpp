// SPDX-License-Identifier: BSD-3-Clause
#include "nic/device_guard.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace pagewire::nic {

using Kind = DeviceChange::Kind;

DeviceGuard::DeviceGuard(const NetNamespace& netns, std::string interface)
    : netns_(netns),
      interface_(std::move(interface)),
      snapshot_(read_device_state(netns_, interface_))
{}

DeviceGuard::~DeviceGuard()
{
    try {
        restore();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pagewire: %s\n", error.what());
    }
}

/// The same kind twice is one change, back to the same snapshot; features and addresses add up.
void DeviceGuard::before(const DeviceChange& change)
{
    if (change.kind != Kind::kAddress) {
        const auto same = std::find_if(changes_.begin(), changes_.end(),
                                       [&](const auto& it) { return it.kind == change.kind; });
        if (same != changes_.end()) {
            same->features.insert(change.features.begin(), change.features.end());
            return;
        }
    }
    changes_.push_back(change);
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
}

} // namespace pagewire::nic
