// SPDX-License-Identifier: BSD-3-Clause

/// The IP side of nic/link.hpp: addresses, neighbours, routes.

#include "nic/link.hpp"

#include "nic/netlink.hpp"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/route/nexthop.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace pagewire::nic {

namespace {

NlAddrPtr ipv4_address(std::uint32_t ipv4)
{
    return own<NlAddrPtr>(nl_addr_build(AF_INET, &ipv4, sizeof(ipv4)));
}

std::string to_text(const NlAddrPtr& address)
{
    std::array<char, 64> text{};
    return nl_addr2str(address.get(), text.data(), text.size());
}

/// Nothing where `address` is null or not an IPv4 address.
std::optional<std::uint32_t> to_ipv4(const nl_addr* address)
{
    if (address == nullptr || nl_addr_get_family(address) != AF_INET)
        return std::nullopt;
    std::uint32_t ipv4 = 0;
    std::memcpy(&ipv4, nl_addr_get_binary_addr(address), sizeof(ipv4));
    return ipv4;
}

/// Nothing where `address` is null or of another family.
std::optional<IpAddress> to_ip(const nl_addr* address)
{
    if (const auto ipv4 = to_ipv4(address))
        return *ipv4;
    Ipv6Address ipv6{};
    if (address == nullptr || nl_addr_get_family(address) != AF_INET6 ||
        nl_addr_get_len(address) != ipv6.size())
        return std::nullopt;
    std::memcpy(ipv6.data(), nl_addr_get_binary_addr(address), ipv6.size());
    return ipv6;
}

using AddressCall = int (*)(nl_sock*, rtnl_addr*, int);

void change_address(const NetNamespace& netns, const std::string& interface,
                    const InterfaceAddress& what, const char* verb, AddressCall call, int flags)
{
    const std::string action = fmt::format(fmt::runtime(verb), format_interface_address(what));
    if (what.prefix_length > num_bits(what.address))
        core::throw_error(EINVAL, action, interface);
    const auto local = std::visit(
        [&](const auto& octets) {
            return own<NlAddrPtr>(nl_addr_build(family_of(what.address), &octets, sizeof(octets)));
        },
        what.address);
    nl_addr_set_prefixlen(local.get(), static_cast<int>(what.prefix_length));

    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const LinkPtr link = get_link(socket, interface);
    const auto address = own<AddressPtr>(rtnl_addr_alloc());
    rtnl_addr_set_ifindex(address.get(), rtnl_link_get_ifindex(link.get()));
    socket.check(rtnl_addr_set_local(address.get(), local.get()), action, interface);
    if (family_of(what.address) == AF_INET6)
        rtnl_addr_set_flags(address.get(), IFA_F_NODAD);
    socket.check(call(socket.get(), address.get(), flags), action, interface);
}

} // namespace

void add_address(const NetNamespace& netns, const std::string& interface,
                 const InterfaceAddress& address)
{
    change_address(netns, interface, address, "add address {} to", rtnl_addr_add,
                   NLM_F_CREATE | NLM_F_EXCL);
}

void add_address(const NetNamespace& netns, const std::string& interface, std::uint32_t ipv4,
                 unsigned prefix_length)
{
    add_address(netns, interface, {.address = ipv4, .prefix_length = prefix_length});
}

void add_address(const NetNamespace& netns, const std::string& interface, const Ipv6Address& ipv6,
                 unsigned prefix_length)
{
    add_address(netns, interface, {.address = ipv6, .prefix_length = prefix_length});
}

void delete_address(const NetNamespace& netns, const std::string& interface,
                    const InterfaceAddress& address)
{
    change_address(netns, interface, address, "delete address {} of", rtnl_addr_delete, 0);
}

void delete_address(const NetNamespace& netns, const std::string& interface, std::uint32_t ipv4,
                    unsigned prefix_length)
{
    delete_address(netns, interface, {.address = ipv4, .prefix_length = prefix_length});
}

void delete_address(const NetNamespace& netns, const std::string& interface,
                    const Ipv6Address& ipv6, unsigned prefix_length)
{
    delete_address(netns, interface, {.address = ipv6, .prefix_length = prefix_length});
}

std::vector<InterfaceAddress> addresses(const NetNamespace& netns, const std::string& interface)
{
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const LinkPtr link = get_link(socket, interface);
    nl_cache* dump = nullptr;
    socket.check(rtnl_addr_alloc_cache(socket.get(), &dump), "list addresses of", interface);
    const CachePtr all(dump);

    std::vector<InterfaceAddress> found;
    // The dump keeps the kernel's order: primary addresses before secondary ones.
    for (nl_object* object = nl_cache_get_first(dump); object != nullptr;
         object = nl_cache_get_next(object)) {
        auto* address =
            reinterpret_cast<rtnl_addr*>(object); // every libnl object begins as nl_object does
        if (rtnl_addr_get_ifindex(address) != rtnl_link_get_ifindex(link.get()))
            continue;
        const nl_addr* local = rtnl_addr_get_local(address);
        if (const auto ip = to_ip(local))
            found.push_back(
                {.address = *ip,
                 .prefix_length = static_cast<unsigned>(rtnl_addr_get_prefixlen(address))});
    }
    return found;
}

std::optional<std::uint32_t> first_address(const NetNamespace& netns, const std::string& interface)
{
    for (const InterfaceAddress& address : addresses(netns, interface)) {
        if (const auto* ipv4 = std::get_if<std::uint32_t>(&address.address))
            return *ipv4;
    }
    return std::nullopt;
}

void add_static_neighbour(const NetNamespace& netns, const std::string& interface,
                          std::uint32_t ipv4, const core::MacAddress& mac)
{
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const LinkPtr link = get_link(socket, interface);
    const NlAddrPtr destination = ipv4_address(ipv4);
    const auto hardware = own<NlAddrPtr>(nl_addr_build(AF_LLC, mac.data(), mac.size()));
    const auto neighbour = own<NeighbourPtr>(rtnl_neigh_alloc());
    rtnl_neigh_set_ifindex(neighbour.get(), rtnl_link_get_ifindex(link.get()));
    rtnl_neigh_set_state(neighbour.get(), NUD_PERMANENT);
    rtnl_neigh_set_lladdr(neighbour.get(), hardware.get());
    const std::string action = fmt::format("add neighbour {} on", to_text(destination));
    socket.check(rtnl_neigh_set_dst(neighbour.get(), destination.get()), action, interface);
    socket.check(rtnl_neigh_add(socket.get(), neighbour.get(), NLM_F_CREATE | NLM_F_REPLACE),
                 action, interface);
}

std::optional<core::MacAddress> find_neighbour(const NetNamespace& netns,
                                               const std::string& interface, std::uint32_t ipv4)
{
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const LinkPtr link = get_link(socket, interface);
    nl_cache* dump = nullptr;
    socket.check(rtnl_neigh_alloc_cache(socket.get(), &dump), "list neighbours on", interface);
    const CachePtr neighbours(dump);

    const NlAddrPtr destination = ipv4_address(ipv4);
    const NeighbourPtr neighbour(
        rtnl_neigh_get(dump, rtnl_link_get_ifindex(link.get()), destination.get()));
    if (!neighbour)
        return std::nullopt;
    // Of an entry that is not resolved, the kernel tells no hardware address.
    const nl_addr* hardware = rtnl_neigh_get_lladdr(neighbour.get());
    core::MacAddress mac{};
    if (hardware == nullptr || nl_addr_get_len(hardware) != mac.size())
        return std::nullopt;
    std::copy_n(static_cast<const std::uint8_t*>(nl_addr_get_binary_addr(hardware)), mac.size(),
                mac.begin());
    return mac;
}

std::optional<std::uint32_t> next_hop(const NetNamespace& netns, const std::string& interface,
                                      std::uint32_t ipv4)
{
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const LinkPtr link = get_link(socket, interface);
    const NlAddrPtr destination = ipv4_address(ipv4);
    const std::string action = fmt::format("find the route to {} from", to_text(destination));
    rtnl_route* found = nullptr;
    const int result = rtnl_route_lookup(socket.get(), destination.get(), &found);
    const RoutePtr route(found);
    socket.check(result, action, interface);

    // A lookup answers with the one hop that the kernel would take, also where the route has
    // several.
    rtnl_nexthop* hop = rtnl_route_nexthop_n(route.get(), 0);
    if (hop == nullptr || rtnl_route_nh_get_ifindex(hop) != rtnl_link_get_ifindex(link.get()))
        return std::nullopt;
    if (rtnl_route_nh_get_via(hop) != nullptr) // RTA_VIA: a gateway of another family, RFC 5549
        core::throw_error(EAFNOSUPPORT, action,
                          fmt::format("{}: its gateway is not IPv4", interface));
    const nl_addr* gateway = rtnl_route_nh_get_gateway(hop);
    return gateway == nullptr ? ipv4 : to_ipv4(gateway);
}

} // namespace pagewire::nic
