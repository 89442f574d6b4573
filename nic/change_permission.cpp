// SPDX-License-Identifier: BSD-3-Clause
#include "nic/change_permission.hpp"

#include "core/error.hpp"
#include "nic/link.hpp"
#include "nic/netlink.hpp"

#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <netlink/route/nexthop.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace pagewire::nic {

namespace {

constexpr std::string_view kSshVariable = "SSH_CONNECTION=";

/// An interface that a change of another one reaches: name by index.
using Reached = std::map<int, std::string>;

/// Every libnl object begins as nl_object does.
template<typename Object, typename Visit>
void for_each(nl_cache* cache, Visit visit)
{
    for (nl_object* object = nl_cache_get_first(cache); object != nullptr;
         object = nl_cache_get_next(object))
        visit(reinterpret_cast<Object*>(object));
}

/// The index is one of another namespace (the far end of a veth pair).
bool is_linked_elsewhere(rtnl_link* link)
{
    std::int32_t netns_id = 0;
    return rtnl_link_get_link_netnsid(link, &netns_id) == 0;
}

/// The interface and all above it: its bridge or bond, its VLANs, what is above those.
Reached reached_by(NetlinkSocket& socket, const std::string& interface)
{
    const LinkPtr start = get_link(socket, interface);
    nl_cache* dump = nullptr;
    socket.check(rtnl_link_alloc_cache(socket.get(), AF_UNSPEC, &dump), "list links beside",
                 interface);
    const CachePtr links(dump);

    Reached reached{{rtnl_link_get_ifindex(start.get()), interface}};
    const auto masters_one_of = [&](rtnl_link* upper) {
        bool found = false;
        for_each<rtnl_link>(dump, [&](rtnl_link* link) {
            found = found || (reached.contains(rtnl_link_get_ifindex(link)) &&
                              rtnl_link_get_master(link) == rtnl_link_get_ifindex(upper));
        });
        return found;
    };
    for (std::size_t num_before = 0; num_before != reached.size();) {
        num_before = reached.size();
        for_each<rtnl_link>(dump, [&](rtnl_link* link) {
            const int lower = rtnl_link_get_link(link);
            const bool above = lower != 0 && reached.contains(lower) && !is_linked_elsewhere(link);
            if (above || masters_one_of(link))
                reached.emplace(rtnl_link_get_ifindex(link), rtnl_link_get_name(link));
        });
    }
    return reached;
}

/// The first of these that a route leaves by, or nullptr.
const std::string* leaves_by(rtnl_route* route, const Reached& reached)
{
    for (int i = 0; i < rtnl_route_get_nnexthops(route); ++i) {
        const auto found = reached.find(rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(route, i)));
        if (found != reached.end())
            return &found->second;
    }
    return nullptr;
}

const std::string* default_route_by(NetlinkSocket& socket, const Reached& reached)
{
    nl_cache* dump = nullptr;
    socket.check(rtnl_route_alloc_cache(socket.get(), AF_UNSPEC, 0, &dump), "list", "routes");
    const CachePtr routes(dump);
    const std::string* found = nullptr;
    for_each<rtnl_route>(dump, [&](rtnl_route* route) {
        const nl_addr* to = rtnl_route_get_dst(route);
        const bool is_default = to == nullptr || nl_addr_get_prefixlen(to) == 0;
        if (found == nullptr && is_default && rtnl_route_get_type(route) == RTN_UNICAST)
            found = leaves_by(route, reached);
    });
    return found;
}

/// The one that packets to `address` leave by; nullptr also where there is no route.
const std::string* route_by(NetlinkSocket& socket, const IpAddress& address, const Reached& reached)
{
    const auto destination = std::visit(
        [&](const auto& octets) {
            return own<NlAddrPtr>(nl_addr_build(family_of(address), &octets, sizeof(octets)));
        },
        address);
    rtnl_route* answer = nullptr;
    const int result = rtnl_route_lookup(socket.get(), destination.get(), &answer);
    const RoutePtr route(answer);
    return result < 0 || answer == nullptr ? nullptr : leaves_by(answer, reached);
}

const std::string* has_address(const NetNamespace& netns, const IpAddress& wanted,
                               const Reached& reached)
{
    for (const auto& [index, name] : reached) {
        const auto there = addresses(netns, name);
        if (std::any_of(there.begin(), there.end(),
                        [&](const auto& address) { return address.address == wanted; }))
            return &name;
    }
    return nullptr;
}

/// Client and server; nothing where the text is not what sshd writes.
std::optional<std::pair<IpAddress, IpAddress>> ends_of(const std::string& ssh_connection)
{
    std::istringstream words(ssh_connection);
    std::string client;
    std::string client_port;
    std::string server;
    words >> client >> client_port >> server;
    const auto from = parse_ip(client);
    const auto to = parse_ip(server);
    if (!from || !to)
        return std::nullopt;
    return std::pair(*from, *to);
}

const std::string* ssh_session_by(const NetNamespace& netns, NetlinkSocket& socket,
                                  const std::string& ssh_connection, const Reached& reached)
{
    const auto ends = ends_of(ssh_connection);
    if (!ends)
        return nullptr;
    const std::string* by = has_address(netns, ends->second, reached);
    return by != nullptr ? by : route_by(socket, ends->first, reached);
}

std::string refusal(const std::string& interface, const std::string& carrier, const char* what)
{
    const std::string who =
        carrier == interface ? "carries" : fmt::format("{} above it carries", carrier);
    return fmt::format("{}: {} {}, and a change could cut this machine off: choose an interface "
                       "that it is not reached by",
                       interface, who, what);
}

/// The parent of a process, by proc(5), /proc/PID/stat; 0 where it cannot be read.
pid_t parent_of(pid_t pid)
{
    std::ifstream stat(fmt::format("/proc/{}/stat", pid));
    const std::string text((std::istreambuf_iterator<char>(stat)), {});
    const auto behind_name = text.rfind(')');
    if (behind_name == std::string::npos)
        return 0;
    char state = 0;
    pid_t parent = 0;
    std::istringstream(text.substr(behind_name + 1)) >> state >> parent;
    return parent;
}

std::optional<std::string> ssh_connection_of(pid_t pid)
{
    std::ifstream environment(fmt::format("/proc/{}/environ", pid));
    for (std::string variable; std::getline(environment, variable, '\0');) {
        if (variable.starts_with(kSshVariable))
            return variable.substr(kSshVariable.size());
    }
    return std::nullopt;
}

} // namespace

std::optional<std::string> callers_ssh_connection() noexcept
{
    try {
        if (const char* own_word = std::getenv("SSH_CONNECTION"))
            return own_word;
        for (pid_t pid = ::getppid(); pid > 1; pid = parent_of(pid)) {
            if (auto word = ssh_connection_of(pid))
                return word;
        }
    } catch (const std::exception&) { // no memory for a line: as if there were none
    }
    return std::nullopt;
}

std::string change_obstacle(const NetNamespace& netns, const std::string& interface,
                            const std::optional<std::string>& ssh_connection)
{
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const Reached reached = reached_by(socket, interface);
    if (const std::string* by = default_route_by(socket, reached))
        return refusal(interface, *by, "a default route");
    if (ssh_connection) {
        if (const std::string* by = ssh_session_by(netns, socket, *ssh_connection, reached))
            return refusal(interface, *by, "your ssh session");
    }
    return {};
}

} // namespace pagewire::nic
