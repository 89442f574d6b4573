// SPDX-License-Identifier: BSD-3-Clause
#include "nic/rings.hpp"

#include "core/error.hpp"
#include "nic/ethtool_channel.hpp"

#include <fmt/format.h>
#include <linux/ethtool_netlink.h>
#include <netlink/attr.h>

#include <array>
#include <string_view>
#include <utility>

namespace pagewire::nic {

namespace {

constexpr std::array<std::pair<std::string_view, int>, 4> kAttributes{{
    {"rx", ETHTOOL_A_RINGS_RX},
    {"rx-mini", ETHTOOL_A_RINGS_RX_MINI},
    {"rx-jumbo", ETHTOOL_A_RINGS_RX_JUMBO},
    {"tx", ETHTOOL_A_RINGS_TX},
}};

std::optional<LimitTable> read(EthtoolChannel& channel)
{
    const auto reply = channel.get(ETHTOOL_MSG_RINGS_GET, "read rings of");
    return reply ? std::optional(parse_rings_reply(*reply)) : std::nullopt;
}

/// Before anything is changed, so that such a mistake leaves the device as it was.
void check_possible(const std::string& interface, const std::optional<LimitTable>& rings,
                    const RingSettings& settings)
{
    if (!rings) {
        throw core::UsageError(fmt::format(
            "{}: its driver has no rings that can be set (ethtool -g {})", interface, interface));
    }
    for (const auto& [name, length] : settings) {
        const auto ring = rings->find(name);
        if (ring == rings->end() || !ring->second.current) {
            throw core::UsageError(fmt::format("{}: has no ring \"{}\": ethtool -g {} lists them",
                                               interface, name, interface));
        }
        if (ring->second.max && length > *ring->second.max) {
            throw core::UsageError(fmt::format("{}: ring {} has at most {} descriptors, not {}",
                                               interface, name, *ring->second.max, length));
        }
    }
}

} // namespace

std::optional<LimitTable> read_rings(const NetNamespace& netns, const std::string& interface)
{
    EthtoolChannel channel(netns, interface);
    return read(channel);
}

RingSettings current_rings(const LimitTable& rings)
{
    RingSettings lengths;
    for (const auto& [name, ring] : rings) {
        if (ring.current)
            lengths.emplace(name, *ring.current);
    }
    return lengths;
}

void set_rings(const NetNamespace& netns, const std::string& interface,
               const RingSettings& settings)
{
    EthtoolChannel channel(netns, interface);
    const auto before = read(channel);
    check_possible(interface, before, settings);
    const RingSettings present = current_rings(*before);
    const char* action = "set rings of";
    const MessagePtr request = channel.new_request(ETHTOOL_MSG_RINGS_SET, 0);
    bool anything = false;
    for (const auto& [name, attribute] : kAttributes) {
        const auto wanted = settings.find(std::string(name));
        if (wanted == settings.end() || present.at(wanted->first) == wanted->second)
            continue;
        channel.check(nla_put_u32(request.get(), attribute, wanted->second), action);
        anything = true;
    }
    if (!anything)
        return;
    channel.exchange(request, action);
    const RingSettings now = current_rings(read(channel).value_or(LimitTable{}));
    for (const auto& [name, length] : settings) {
        const auto ring = now.find(name);
        if (ring == now.end() || ring->second != length) {
            throw core::TransferError(
                fmt::format("{}: ring {} has {} descriptors, not {}: the driver rounds them",
                            interface, name, ring == now.end() ? 0 : ring->second, length));
        }
    }
}

} // namespace pagewire::nic
