// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/rx_queues.hpp"

#include "core/error.hpp"
#include "core/socket.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

namespace pagewire::dataplane {

std::uint32_t num_rx_queues(const std::string& interface)
{
    const core::UniqueFd socket = core::open_socket(SOCK_DGRAM);
    ifreq request{};
    interface.copy(request.ifr_name, IFNAMSIZ - 1);
    const auto ask = [&](void* question) {
        request.ifr_data = static_cast<char*>(question);
        if (::ioctl(socket.get(), SIOCETHTOOL, &request) == 0)
            return true;
        if (errno == ENODEV)
            core::throw_errno("ioctl SIOCETHTOOL", interface);
        return false;
    };
    ethtool_channels channels{};
    channels.cmd = ETHTOOL_GCHANNELS;
    if (ask(&channels))
        return std::max(1U, channels.combined_count + channels.rx_count);
    ethtool_rxnfc rings{};
    rings.cmd = ETHTOOL_GRXRINGS;
    if (ask(&rings))
        return std::max(1U, static_cast<std::uint32_t>(rings.data));
    return 1;
}

} // namespace pagewire::dataplane
