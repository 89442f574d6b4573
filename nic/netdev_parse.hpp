// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pagewire::nic {

/// A device, as the "netdev" generic netlink family describes it. What an older kernel does not
/// tell is 0.
struct NetdevDevice {
    std::uint32_t ifindex = 0;
    std::uint64_t xdp_features = 0;
    std::uint32_t xdp_zc_max_segs = 0;
    std::uint64_t xsk_features = 0;

    bool operator==(const NetdevDevice&) const = default;
};

/// The device in one NETDEV_CMD_DEV_GET reply (Documentation/netlink/specs/netdev.yaml).
///
/// `payload` holds the attributes behind the generic netlink header and begins at an address that
/// is a multiple of 4, as every netlink message does. Reads nothing outside of it, whatever it
/// holds. Throws core::SystemError (EBADMSG) when an attribute has not the length of its type, or
/// the device's index or XDP features are absent. Attributes of newer kernels are passed over.
[[nodiscard]] NetdevDevice parse_netdev_reply(std::span<const std::byte> payload);

} // namespace pagewire::nic
