// SPDX-License-Identifier: BSD-3-Clause
#include "nic/netdev_parse.hpp"

#include "core/error.hpp"
#include "nic/netdev_uapi.hpp"

#include <netlink/attr.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace pagewire::nic {

namespace {

[[noreturn]] void malformed(std::string_view what)
{
    core::throw_error(EBADMSG, "parse the netdev reply:", what);
}

template<typename T>
T integer(const nlattr* attribute, std::string_view name)
{
    if (nla_len(attribute) != sizeof(T))
        malformed(name);
    T value{};
    std::memcpy(&value, nla_data(attribute), sizeof(value));
    return value;
}

} // namespace

NetdevDevice parse_netdev_reply(std::span<const std::byte> payload)
{
    NetdevDevice device;
    bool has_ifindex = false;
    bool has_xdp_features = false;
    // The kernel sets the size of a message; no device has a reply of 2 GiB.
    int remaining = static_cast<int>(payload.size());
    const auto* attribute = reinterpret_cast<const nlattr*>(payload.data());
    for (; nla_ok(attribute, remaining); attribute = nla_next(attribute, &remaining)) {
        switch (nla_type(attribute)) {
        case uapi::NETDEV_A_DEV_IFINDEX:
            device.ifindex = integer<std::uint32_t>(attribute, "ifindex");
            has_ifindex = true;
            break;
        case uapi::NETDEV_A_DEV_XDP_FEATURES:
            device.xdp_features = integer<std::uint64_t>(attribute, "xdp-features");
            has_xdp_features = true;
            break;
        case uapi::NETDEV_A_DEV_XDP_ZC_MAX_SEGS:
            device.xdp_zc_max_segs = integer<std::uint32_t>(attribute, "xdp-zc-max-segs");
            break;
        case uapi::NETDEV_A_DEV_XSK_FEATURES:
            device.xsk_features = integer<std::uint64_t>(attribute, "xsk-features");
            break;
        default: // padding, metadata features, newer kernels' attributes
            break;
        }
    }
    if (remaining > 0)
        malformed("the list of attributes is cut off");
    if (!has_ifindex)
        malformed("ifindex is missing");
    if (!has_xdp_features)
        malformed("xdp-features is missing");
    return device;
}

} // namespace pagewire::nic
