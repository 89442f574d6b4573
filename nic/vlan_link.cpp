// SPDX-License-Identifier: BSD-3-Clause
#include "nic/vlan_link.hpp"

#include "nic/netlink.hpp"

#include <fmt/format.h>
#include <netlink/route/link/vlan.h>

namespace pagewire::nic {

void create_vlan(const NetNamespace& netns, const std::string& parent, std::uint16_t id,
                 const NetNamespace& where, const std::string& name)
{
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const LinkPtr below = get_link(socket, parent);
    const auto link = own<LinkPtr>(rtnl_link_vlan_alloc());
    const std::string action = fmt::format("create VLAN {} on", id);
    rtnl_link_set_name(link.get(), name.c_str());
    rtnl_link_set_link(link.get(), rtnl_link_get_ifindex(below.get()));
    rtnl_link_set_ns_fd(link.get(), where.fd());
    socket.check(rtnl_link_vlan_set_id(link.get(), id), action, parent);
    socket.check(rtnl_link_add(socket.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL), action,
                 parent);
}

} // namespace pagewire::nic
