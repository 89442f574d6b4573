// SPDX-License-Identifier: BSD-3-Clause
#include "nic/hw_timestamping.hpp"

#include "core/error.hpp"
#include "core/unique_fd.hpp"
#include "nic/netlink.hpp"

#include <fmt/format.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

namespace pagewire::nic {

namespace {

/// False where the driver does not have it.
bool ask(const NetNamespace& netns, const std::string& interface, unsigned long command,
         const char* call, hwtstamp_config& config)
{
    const NetlinkSocket socket(netns, NETLINK_ROUTE); // any of the device's namespace
    check_interface_name(interface);
    ifreq request{};
    std::copy_n(interface.c_str(), interface.size(), request.ifr_name);
    request.ifr_data = reinterpret_cast<char*>(&config);
    if (::ioctl(nl_socket_get_fd(socket.get()), command, &request) == 0)
        return true;
    if (errno == ENODEV)
        throw no_such_interface(interface);
    if (errno != EOPNOTSUPP)
        core::throw_errno(call, interface);
    return false;
}

HwTimestamping to_settings(const hwtstamp_config& config)
{
    return {.flags = static_cast<std::uint32_t>(config.flags),
            .tx_type = static_cast<std::uint32_t>(config.tx_type),
            .rx_filter = static_cast<std::uint32_t>(config.rx_filter)};
}

} // namespace

std::optional<HwTimestamping> read_hw_timestamping(const NetNamespace& netns,
                                                   const std::string& interface)
{
    hwtstamp_config config{};
    if (!ask(netns, interface, SIOCGHWTSTAMP, "ioctl SIOCGHWTSTAMP", config))
        return std::nullopt;
    return to_settings(config);
}

HwTimestamping set_hw_timestamping(const NetNamespace& netns, const std::string& interface,
                                   const HwTimestamping& wanted)
{
    hwtstamp_config config{};
    config.flags = static_cast<int>(wanted.flags);
    config.tx_type = static_cast<int>(wanted.tx_type);
    config.rx_filter = static_cast<int>(wanted.rx_filter);
    if (!ask(netns, interface, SIOCSHWTSTAMP, "ioctl SIOCSHWTSTAMP", config)) {
        throw core::UsageError(fmt::format(
            "{}: its driver stamps no packets in hardware (ethtool -T {})", interface, interface));
    }
    // Those that the driver cannot stamp it refuses (ERANGE), or widens to a filter that has them.
    const HwTimestamping now = to_settings(config);
    if (now.tx_type != wanted.tx_type ||
        (wanted.rx_filter != HWTSTAMP_FILTER_NONE && now.rx_filter == HWTSTAMP_FILTER_NONE)) {
        throw core::TransferError(
            fmt::format("{}: hardware timestamping is tx {} rx {}, asked for were tx {} rx {}",
                        interface, now.tx_type, now.rx_filter, wanted.tx_type, wanted.rx_filter));
    }
    return now;
}

} // namespace pagewire::nic
