// SPDX-License-Identifier: BSD-3-Clause
#include "nic/link.hpp"

#include "nic/netlink.hpp"

#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/link/veth.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace pagewire::nic {

namespace {

void check_config(const VethPairConfig& config)
{
    for (const std::string& name : {config.near_name, config.far_name})
        if (name.empty() || name.size() >= IFNAMSIZ)
            throw core::UsageError(fmt::format(
                "interface name \"{}\" of a veth pair: choose one of 1 to {} characters", name,
                IFNAMSIZ - 1));
    if (config.mtu < kMtuMin || config.mtu > kMtuMax)
        throw core::UsageError(fmt::format("MTU {} of veth pair {}/{}: choose one of {} to {}",
                                           config.mtu, config.near_name, config.far_name, kMtuMin,
                                           kMtuMax));
}

void describe_end(rtnl_link* end, const std::string& name, const VethPairConfig& config)
{
    rtnl_link_set_name(end, name.c_str());
    rtnl_link_set_mtu(end, config.mtu);
    rtnl_link_set_num_tx_queues(end, config.num_queues);
    rtnl_link_set_num_rx_queues(end, config.num_queues);
}

/// Without a link-local address the kernel sends no duplicate address detection, no router
/// solicitation and no multicast report. The kernel takes this for a link that exists, not as a
/// part of its creation.
void disable_address_generation(const NetNamespace& netns, const std::string& interface)
{
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const LinkPtr link = get_link(socket, interface);
    const auto changes = own<LinkPtr>(rtnl_link_alloc());
    const std::string_view action = "disable IPv6 address generation of";
    socket.check(rtnl_link_inet6_set_addr_gen_mode(changes.get(), IN6_ADDR_GEN_MODE_NONE), action,
                 interface);
    const int result = rtnl_link_change(socket.get(), link.get(), changes.get(), 0);
    // A link without IPv6 is as quiet: IPv6 is off in this kernel, or the MTU is below its 1280.
    if (result != -NLE_AF_NOSUPPORT)
        socket.check(result, action, interface);
}

} // namespace

void create_veth_pair(const NetNamespace& near, const NetNamespace& far,
                      const VethPairConfig& config)
{
    check_config(config);
    NetlinkSocket socket(near, NETLINK_ROUTE);
    const auto near_end = own<LinkPtr>(rtnl_link_veth_alloc());
    const auto far_end = own<LinkPtr>(rtnl_link_veth_get_peer(near_end.get()));
    describe_end(near_end.get(), config.near_name, config);
    describe_end(far_end.get(), config.far_name, config);
    rtnl_link_set_ns_fd(far_end.get(), far.fd());
    socket.check(rtnl_link_add(socket.get(), near_end.get(), NLM_F_CREATE | NLM_F_EXCL),
                 "create veth pair", fmt::format("{}/{}", config.near_name, config.far_name));
    try {
        disable_address_generation(near, config.near_name);
        disable_address_generation(far, config.far_name);
    } catch (...) {
        rtnl_link_delete(socket.get(), near_end.get()); // the far end goes with it
        throw;
    }
}

LinkFacts link_facts(const NetNamespace& netns, const std::string& interface)
{
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const LinkPtr link = get_link(socket, interface);
    LinkFacts facts{
        .index = static_cast<std::uint32_t>(rtnl_link_get_ifindex(link.get())),
        .mtu = rtnl_link_get_mtu(link.get()),
        .num_tx_queues = rtnl_link_get_num_tx_queues(link.get()),
        .num_rx_queues = rtnl_link_get_num_rx_queues(link.get()),
        .up = (rtnl_link_get_flags(link.get()) & IFF_UP) != 0,
        .carrier = rtnl_link_get_carrier(link.get()) != 0,
        .state = {},
        .mac = {},
        .kind = {},
    };
    if (const nl_addr* mac = rtnl_link_get_addr(link.get());
        mac != nullptr && nl_addr_get_len(mac) == facts.mac.size())
        std::copy_n(static_cast<const std::uint8_t*>(nl_addr_get_binary_addr(mac)),
                    facts.mac.size(), facts.mac.begin());
    if (const char* kind = rtnl_link_get_type(link.get()))
        facts.kind = kind;
    std::array<char, 32> state{};
    facts.state =
        rtnl_link_operstate2str(rtnl_link_get_operstate(link.get()), state.data(), state.size());
    return facts;
}

LinkCounters link_counters(const NetNamespace& netns, const std::string& interface)
{
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const LinkPtr link = get_link(socket, interface);
    return {.tx_bytes = rtnl_link_get_stat(link.get(), RTNL_LINK_TX_BYTES),
            .tx_packets = rtnl_link_get_stat(link.get(), RTNL_LINK_TX_PACKETS)};
}

namespace {

void change_flags(const NetNamespace& netns, const std::string& interface,
                  void (*change)(rtnl_link*, unsigned), const char* what)
{
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const LinkPtr link = get_link(socket, interface);
    const auto changes = own<LinkPtr>(rtnl_link_alloc());
    change(changes.get(), IFF_UP);
    socket.check(rtnl_link_change(socket.get(), link.get(), changes.get(), 0), what, interface);
}

} // namespace

void set_link_up(const NetNamespace& netns, const std::string& interface)
{
    change_flags(netns, interface, rtnl_link_set_flags, "set up link");
}

void set_link_down(const NetNamespace& netns, const std::string& interface)
{
    change_flags(netns, interface, rtnl_link_unset_flags, "set down link");
}

void set_mtu(const NetNamespace& netns, const std::string& interface, std::uint32_t mtu)
{
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const LinkPtr link = get_link(socket, interface);
    const auto changes = own<LinkPtr>(rtnl_link_alloc());
    rtnl_link_set_mtu(changes.get(), mtu);
    socket.check(rtnl_link_change(socket.get(), link.get(), changes.get(), 0),
                 fmt::format("set MTU {} of", mtu), interface);
}

void move_link(const NetNamespace& netns, const std::string& interface, const NetNamespace& target)
{
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const LinkPtr link = get_link(socket, interface);
    const auto changes = own<LinkPtr>(rtnl_link_alloc());
    rtnl_link_set_ns_fd(changes.get(), target.fd());
    socket.check(rtnl_link_change(socket.get(), link.get(), changes.get(), 0),
                 "move to another namespace", interface);
}

void delete_link(const NetNamespace& netns, const std::string& interface)
{
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const LinkPtr link = get_link(socket, interface);
    socket.check(rtnl_link_delete(socket.get(), link.get()), "delete link", interface);
}

} // namespace pagewire::nic
