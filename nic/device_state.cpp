// SPDX-License-Identifier: BSD-3-Clause
#include "nic/device_state.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace pagewire::nic {

namespace {

using Kind = DeviceChange::Kind;

std::string_view on_off(bool on)
{
    return on ? "on" : "off";
}

std::string feature_words(const FeatureSettings& features)
{
    std::string words;
    for (const auto& [name, on] : features)
        words += fmt::format(" {} {}", name, on_off(on));
    return words;
}

std::string ring_words(const DeviceState& before)
{
    std::string words;
    for (const auto& [name, length] : before.rings.value_or(RingSettings{}))
        words += fmt::format(" {} {}", name, length);
    return words;
}

/// What a person types to undo it.
std::string mending_command(const std::string& interface, const DeviceState& before,
                            const DeviceChange& change)
{
    switch (change.kind) {
    case Kind::kFeatures:
        return fmt::format("ethtool -K {}{}", interface, feature_words(change.features));
    case Kind::kMtu:
        return fmt::format("ip link set {} mtu {}", interface, before.mtu);
    case Kind::kUp:
        return fmt::format("ip link set {} {}", interface, before.up ? "up" : "down");
    case Kind::kRings:
        return fmt::format("ethtool -G {}{}", interface, ring_words(before));
    case Kind::kHwTimestamping: {
        const HwTimestamping was = before.hw_timestamping.value_or(HwTimestamping{});
        return fmt::format("hwstamp_ctl -i {} -t {} -r {}", interface, was.tx_type, was.rx_filter);
    }
    case Kind::kAddress:
        return fmt::format("ip address delete {} dev {}", format_interface_address(*change.address),
                           interface);
    }
    return {};
}

void undo_mtu(const NetNamespace& netns, const std::string& interface, std::uint32_t mtu)
{
    if (link_facts(netns, interface).mtu != mtu)
        set_mtu(netns, interface, mtu);
    if (const std::uint32_t now = link_facts(netns, interface).mtu; now != mtu)
        throw core::TransferError(
            fmt::format("{}: MTU is {} and was {} before", interface, now, mtu));
}

void undo_up(const NetNamespace& netns, const std::string& interface, bool up)
{
    if (up)
        set_link_up(netns, interface);
    else
        set_link_down(netns, interface);
    if (link_facts(netns, interface).up != up)
        throw core::TransferError(
            fmt::format("{}: was {} before, and is not", interface, up ? "up" : "down"));
}

void undo_hw_timestamping(const NetNamespace& netns, const std::string& interface,
                          const HwTimestamping& was)
{
    if (read_hw_timestamping(netns, interface) != was)
        (void)set_hw_timestamping(netns, interface, was);
    if (read_hw_timestamping(netns, interface) != was)
        throw core::TransferError(
            fmt::format("{}: hardware timestamping is not as it was before", interface));
}

/// One that is gone already went with something else: the link was down, or its primary address was
/// deleted.
void undo_address(const NetNamespace& netns, const std::string& interface,
                  const InterfaceAddress& added)
{
    const auto there = addresses(netns, interface);
    if (std::find(there.begin(), there.end(), added) != there.end())
        delete_address(netns, interface, added);
}

void undo(const NetNamespace& netns, const std::string& interface, const DeviceState& before,
          const DeviceChange& change)
{
    switch (change.kind) {
    case Kind::kFeatures:
        apply_over_snapshot(netns, interface, before.features, {}, [](const FeatureSettings&) {});
        return;
    case Kind::kMtu:
        undo_mtu(netns, interface, before.mtu);
        return;
    case Kind::kUp:
        undo_up(netns, interface, before.up);
        return;
    case Kind::kRings:
        if (before.rings)
            set_rings(netns, interface, *before.rings);
        return;
    case Kind::kHwTimestamping:
        if (before.hw_timestamping)
            undo_hw_timestamping(netns, interface, *before.hw_timestamping);
        return;
    case Kind::kAddress:
        undo_address(netns, interface, *change.address);
        return;
    }
}

/// The last change first; those that failed stay. Returns why the first of them did.
std::string undo_pass(const NetNamespace& netns, const std::string& interface,
                      const DeviceState& before, std::vector<DeviceChange>& changes)
{
    std::string first_failure;
    for (std::size_t i = changes.size(); i-- > 0;) {
        try {
            undo(netns, interface, before, changes[i]);
            changes.erase(changes.begin() + static_cast<std::ptrdiff_t>(i));
        } catch (const std::exception& error) {
            if (first_failure.empty())
                first_failure = error.what();
        }
    }
    return first_failure;
}

} // namespace

DeviceState read_device_state(const NetNamespace& netns, const std::string& interface)
{
    const LinkFacts facts = link_facts(netns, interface);
    const auto rings = read_rings(netns, interface);
    return {.identity = {.ifindex = facts.index, .mac = facts.mac},
            .mtu = facts.mtu,
            .up = facts.up,
            .features = read_features(netns, interface),
            .rings = rings ? std::optional(current_rings(*rings)) : std::nullopt,
            .hw_timestamping = read_hw_timestamping(netns, interface)};
}

std::optional<std::string> find_device(const NetNamespace& netns, const DeviceIdentity& identity)
{
    std::array<char, IF_NAMESIZE> name{};
    {
        const NetNamespace::Visit visit(netns);
        if (::if_indextoname(identity.ifindex, name.data()) == nullptr) {
            if (errno != ENXIO)
                core::throw_errno("if_indextoname");
            return std::nullopt;
        }
    }
    try {
        const LinkFacts facts = link_facts(netns, name.data());
        if (DeviceIdentity{.ifindex = facts.index, .mac = facts.mac} == identity)
            return name.data();
    } catch (const core::UsageError&) { // gone since
    }
    return std::nullopt;
}

void undo_changes(const NetNamespace& netns, const DeviceState& before,
                  std::vector<DeviceChange>& changes)
{
    const auto interface = find_device(netns, before.identity);
    if (!interface) {
        changes.clear();
        return;
    }
    // What one change forbids, the undoing of another may allow: a driver that takes an MTU only
    // while it is down, a feature that goes with the MTU.
    const std::size_t num_before = changes.size();
    std::string failure = undo_pass(netns, *interface, before, changes);
    if (!changes.empty() && changes.size() < num_before)
        failure = undo_pass(netns, *interface, before, changes);
    if (changes.empty() || !find_device(netns, before.identity)) {
        changes.clear();
        return;
    }
    std::vector<std::string> commands;
    commands.reserve(changes.size());
    for (auto change = changes.rbegin(); change != changes.rend(); ++change)
        commands.push_back(mending_command(*interface, before, *change));
    throw core::TransferError(
        fmt::format("{}; to mend it: {}", failure, fmt::join(commands, "; ")));
}

std::string describe_changes(const DeviceState& before, const std::vector<DeviceChange>& changes)
{
    std::vector<std::string> words;
    words.reserve(changes.size());
    for (const DeviceChange& change : changes) {
        switch (change.kind) {
        case Kind::kFeatures:
            words.push_back("features" + feature_words(change.features));
            break;
        case Kind::kMtu:
            words.push_back(fmt::format("MTU {}", before.mtu));
            break;
        case Kind::kUp:
            words.emplace_back(before.up ? "up" : "down");
            break;
        case Kind::kRings:
            words.push_back("rings" + ring_words(before));
            break;
        case Kind::kHwTimestamping:
            words.emplace_back("hardware timestamping");
            break;
        case Kind::kAddress:
            words.push_back(
                fmt::format("without address {}", format_interface_address(*change.address)));
            break;
        }
    }
    return fmt::format("{}", fmt::join(words, ", "));
}

} // namespace pagewire::nic
