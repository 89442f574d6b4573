// SPDX-License-Identifier: BSD-3-Clause
#include "nic/bridge.hpp"

#include "core/error.hpp"
#include "nic/netlink.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netlink/route/link/bridge.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace pagewire::nic {

void create_bridge(const NetNamespace& netns, const std::string& name)
{
    check_interface_name(name);
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const auto bridge = own<LinkPtr>(rtnl_link_bridge_alloc());
    rtnl_link_set_name(bridge.get(), name.c_str());
    socket.check(rtnl_link_add(socket.get(), bridge.get(), NLM_F_CREATE | NLM_F_EXCL),
                 "create bridge", name);
}

void add_bridge_port(const NetNamespace& netns, const std::string& bridge,
                     const std::string& interface)
{
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const LinkPtr master = get_link(socket, bridge);
    const LinkPtr port = get_link(socket, interface);
    socket.check(rtnl_link_enslave(socket.get(), master.get(), port.get()),
                 "add to bridge " + bridge, interface);
}

core::UniqueFd create_tap(const NetNamespace& netns, const std::string& name)
{
    check_interface_name(name);
    const NetNamespace::Visit inside(netns);
    core::UniqueFd tap(core::checked(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC),
                                     "open", "/dev/net/tun"));
    ifreq request{};
    std::copy(name.begin(), name.end(), request.ifr_name);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    core::checked(::ioctl(tap.get(), TUNSETIFF, &request), "TUNSETIFF", name);
    return tap;
}

void disable_ipv6(const NetNamespace& netns)
{
    const NetNamespace::Visit inside(netns);
    const std::string path = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
    const core::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file && errno == ENOENT)
        return; // a kernel without IPv6
    core::checked(file.get(), "open", path);
    core::checked(::write(file.get(), "1", 1), "write", path);
}

} // namespace pagewire::nic
