// SPDX-License-Identifier: BSD-3-Clause
#include "nic/inventory.hpp"

#include "nic/ethtool_channel.hpp"
#include "nic/ethtool_ioctl.hpp"
#include "nic/ethtool_uapi.hpp"

#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netlink/attr.h>

#include <memory>
#include <string_view>

namespace pagewire::nic {

namespace {

std::optional<DriverFacts> read_driver(const NetNamespace& netns, const std::string& interface)
{
    const NetlinkSocket socket(netns, NETLINK_ROUTE);
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    if (!ask_ethtool(nl_socket_get_fd(socket.get()), interface, info))
        return std::nullopt;
    return DriverFacts{.driver = text_of(info.driver),
                       .version = text_of(info.version),
                       .firmware = text_of(info.fw_version),
                       .bus = text_of(info.bus_info)};
}

/// What a GET command of ethtool tells, by the function that reads its reply.
template<typename Parse>
auto ask(EthtoolChannel& channel, std::uint8_t command, std::string_view action, Parse parse)
{
    const auto reply = channel.get(command, action);
    return reply ? std::optional(parse(*reply)) : std::nullopt;
}

/// ethtool -S; none where the driver has none.
std::vector<std::string> read_statistics_names(EthtoolChannel& channel)
{
    const char* action = "read statistics names of";
    const MessagePtr request = channel.new_request(ETHTOOL_MSG_STRSET_GET, 0);
    {
        const Nest sets(request.get(), ETHTOOL_A_STRSET_STRINGSETS);
        const Nest set(request.get(), ETHTOOL_A_STRINGSETS_STRINGSET);
        channel.check(nla_put_u32(request.get(), ETHTOOL_A_STRINGSET_ID, ETH_SS_STATS), action);
    }
    const auto reply = channel.get(request, action);
    return reply ? parse_strings_reply(*reply, ETH_SS_STATS) : std::vector<std::string>{};
}

} // namespace

Inventory read_inventory(const NetNamespace& netns, const std::string& interface,
                         const core::SystemRoot& root)
{
    EthtoolChannel channel(netns, interface);
    Inventory inventory;
    inventory.interface = interface;
    inventory.facts = link_facts(netns, interface);
    inventory.driver = read_driver(netns, interface);
    inventory.modes =
        ask(channel, ETHTOOL_MSG_LINKMODES_GET, "read link modes of", parse_linkmodes_reply);
    if (const auto device = device_folder(root, inventory.driver ? inventory.driver->bus : "")) {
        inventory.numa_node = numa_node_of(device);
        inventory.irqs = device_irqs(root, *device);
    }
    inventory.channels =
        ask(channel, ETHTOOL_MSG_CHANNELS_GET, "read channels of", parse_channels_reply);
    inventory.rings = ask(channel, ETHTOOL_MSG_RINGS_GET, "read rings of", parse_rings_reply);
    inventory.coalescing =
        ask(channel, ETHTOOL_MSG_COALESCE_GET, "read coalescing of", parse_coalesce_reply);
    inventory.rss = ask(channel, uapi::ETHTOOL_MSG_RSS_GET, "read RSS of", parse_rss_reply);
    inventory.timestamping =
        ask(channel, ETHTOOL_MSG_TSINFO_GET, "read timestamping of", parse_tsinfo_reply);
    inventory.statistics = read_statistics_names(channel);
    inventory.features = read_features(netns, interface);
    inventory.xdp = probe_xdp_device(netns, interface, root);
    return inventory;
}

std::vector<std::string> interface_names(const NetNamespace& netns)
{
    struct FreeNames {
        void operator()(struct if_nameindex* names) const noexcept { ::if_freenameindex(names); }
    };

    const NetNamespace::Visit visit(netns);
    const std::unique_ptr<struct if_nameindex, FreeNames> names(::if_nameindex());
    if (names == nullptr)
        core::throw_errno("if_nameindex");
    std::vector<std::string> result;
    for (const auto* name = names.get(); name->if_index != 0; ++name)
        result.emplace_back(name->if_name);
    return result;
}

} // namespace pagewire::nic
