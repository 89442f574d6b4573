// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/error.hpp"
#include "nic/netlink.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

namespace pagewire::nic {

/// One ethtool command of the ioctl(2) kind (linux/ethtool.h); false where the driver does not
/// have it. `socket` may be any of the device's namespace: the request is the device layer's.
template<typename Command>
bool ask_ethtool(int socket, const std::string& interface, Command& command)
{
    ifreq request{};
    std::copy_n(interface.c_str(), interface.size(), request.ifr_name);
    request.ifr_data = reinterpret_cast<char*>(&command);
    if (::ioctl(socket, SIOCETHTOOL, &request) == 0)
        return true;
    if (errno == ENODEV)
        throw no_such_interface(interface);
    if (errno != EOPNOTSUPP)
        core::throw_errno("ioctl SIOCETHTOOL", interface);
    return false;
}

/// The text in one of the kernel's character arrays, which may fill it without a NUL.
template<std::size_t Size>
std::string text_of(const char (&chars)[Size])
{
    return {chars, ::strnlen(chars, Size)};
}

} // namespace pagewire::nic
