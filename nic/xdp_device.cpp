// SPDX-License-Identifier: BSD-3-Clause
#include "nic/xdp_device.hpp"

#include "nic/device_folder.hpp"
#include "nic/ethtool_ioctl.hpp"
#include "nic/netdev_parse.hpp"
#include "nic/netdev_uapi.hpp"
#include "nic/netlink.hpp"

#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cerrno>
#include <fstream>
#include <span>
#include <string_view>

namespace pagewire::nic {

namespace {

constexpr std::string_view kVirtioNet = "virtio_net";

/// Whether virtio_net completes packets in NAPI (drivers/net/virtio_net.c). Each device shows it in
/// its coalescing: virtnet_set_coalesce turns it off where tx-frames is 0 and on where it is not;
/// the module's parameter is what devices begin with.
std::optional<bool> napi_tx_of(int socket, const std::string& interface,
                               const core::SystemRoot& root)
{
    ethtool_coalesce coalesce{};
    coalesce.cmd = ETHTOOL_GCOALESCE;
    if (ask_ethtool(socket, interface, coalesce))
        return coalesce.tx_max_coalesced_frames != 0;
    std::ifstream parameter(root.sys / "module/virtio_net/parameters/napi_tx");
    char value = 0;
    if (parameter >> value)
        return value == 'Y';
    return std::nullopt;
}

/// Driver, queues and place of a device, from ethtool(8)'s commands.
void probe_driver(XdpDevice& device, const NetlinkSocket& socket, const std::string& interface,
                  const core::SystemRoot& root)
{
    const int fd = nl_socket_get_fd(socket.get());
    std::string bus_name;
    ethtool_drvinfo driver{};
    driver.cmd = ETHTOOL_GDRVINFO;
    if (ask_ethtool(fd, interface, driver)) {
        device.driver = text_of(driver.driver);
        bus_name = text_of(driver.bus_info);
    }
    ethtool_channels channels{};
    channels.cmd = ETHTOOL_GCHANNELS;
    if (ask_ethtool(fd, interface, channels)) {
        device.num_rx_queues = channels.rx_count + channels.combined_count;
        device.num_tx_queues = channels.tx_count + channels.combined_count;
    }
    device.numa_node = numa_node_of(device_folder(root, bus_name)).value_or(-1);
    if (device.driver == kVirtioNet) {
        device.skb_no_linear = true;
        device.napi_tx = napi_tx_of(fd, interface, root);
    }
}

/// Nothing where the kernel has no netdev family.
std::optional<NetdevDevice> get_netdev(const NetNamespace& netns, const std::string& interface,
                                       std::uint32_t ifindex)
{
    const char* action = "read XDP features of";
    NetlinkSocket socket(netns, NETLINK_GENERIC);
    const int family = genl_ctrl_resolve(socket.get(), NETDEV_FAMILY_NAME);
    if (family == -NLE_OBJ_NOTFOUND)
        return std::nullopt;
    socket.check(family, "find", "the netdev netlink family");

    const auto request = own<MessagePtr>(nlmsg_alloc());
    if (genlmsg_put(request.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, 0,
                    uapi::NETDEV_CMD_DEV_GET, NETDEV_FAMILY_VERSION) == nullptr)
        core::throw_error(EMSGSIZE, action, interface);
    socket.check(nla_put_u32(request.get(), uapi::NETDEV_A_DEV_IFINDEX, ifindex), action,
                 interface);
    const auto replies = socket.exchange(request, action, interface);
    return parse_netdev_reply(only_reply(replies, action, interface));
}

bool has(std::uint64_t features, std::uint64_t feature) noexcept
{
    return (features & feature) != 0;
}

constexpr std::array<std::string_view, 7> kXdpFeatures = {
    "basic", "redirect", "ndo-xmit", "xsk-zerocopy", "hw-offload", "rx-sg", "ndo-xmit-sg"};
constexpr std::array<std::string_view, 3> kXskFeatures = {"tx-timestamp", "tx-checksum",
                                                          "tx-launch-time-fifo"};

std::vector<std::string> names_of(std::uint64_t bits, std::span<const std::string_view> names)
{
    std::vector<std::string> set;
    for (; bits != 0; bits &= bits - 1) {
        const auto bit = static_cast<std::size_t>(std::countr_zero(bits));
        set.push_back(bit < names.size() ? std::string(names[bit]) : fmt::format("bit {}", bit));
    }
    return set;
}

} // namespace

std::vector<std::string> xdp_feature_names(std::uint64_t xdp_features)
{
    return names_of(xdp_features, kXdpFeatures);
}

std::vector<std::string> xsk_feature_names(std::uint64_t xsk_features)
{
    return names_of(xsk_features, kXskFeatures);
}

bool XdpDevice::has_basic() const noexcept
{
    return has(xdp_features, uapi::NETDEV_XDP_ACT_BASIC);
}

bool XdpDevice::has_redirect() const noexcept
{
    return has(xdp_features, uapi::NETDEV_XDP_ACT_REDIRECT);
}

bool XdpDevice::has_xsk_zerocopy() const noexcept
{
    return has(xdp_features, uapi::NETDEV_XDP_ACT_XSK_ZEROCOPY);
}

bool XdpDevice::has_rx_sg() const noexcept
{
    return has(xdp_features, uapi::NETDEV_XDP_ACT_RX_SG);
}

bool XdpDevice::has_xsk_tx_timestamp() const noexcept
{
    return has(xsk_features, uapi::NETDEV_XSK_FLAGS_TX_TIMESTAMP);
}

bool XdpDevice::has_xsk_tx_checksum() const noexcept
{
    return has(xsk_features, uapi::NETDEV_XSK_FLAGS_TX_CHECKSUM);
}

XdpDevice probe_xdp_device(const NetNamespace& netns, const std::string& interface,
                           const core::SystemRoot& root)
{
    NetlinkSocket socket(netns, NETLINK_ROUTE);
    const LinkPtr link = get_link(socket, interface);

    XdpDevice device;
    device.up = (rtnl_link_get_flags(link.get()) & IFF_UP) != 0;
    probe_driver(device, socket, interface, root);
    if (const char* kind = rtnl_link_get_type(link.get()); device.driver.empty() && kind != nullptr)
        device.driver = kind;
    if (device.num_rx_queues == 0 && device.num_tx_queues == 0) { // a driver without channels
        device.num_rx_queues = rtnl_link_get_num_rx_queues(link.get());
        device.num_tx_queues = rtnl_link_get_num_tx_queues(link.get());
    }
    const auto index = static_cast<std::uint32_t>(rtnl_link_get_ifindex(link.get()));
    if (const auto netdev = get_netdev(netns, interface, index)) {
        device.has_features = true;
        device.xdp_features = netdev->xdp_features;
        device.zc_segments_max = netdev->xdp_zc_max_segs;
        device.xsk_features = netdev->xsk_features;
    }
    return device;
}

} // namespace pagewire::nic
