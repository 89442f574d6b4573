// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/system_root.hpp"
#include "nic/net_namespace.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pagewire::nic {

/// What a device can do for AF_XDP, as the kernel says. Nothing here is a promise: a bind(2), a
/// counter or the receiver decides.
struct XdpDevice {
    std::string driver;              ///< "veth", "virtio_net", "igb"; empty: unknown
    std::uint32_t num_rx_queues = 0; ///< in use now
    std::uint32_t num_tx_queues = 0;
    bool has_features = false;         ///< the kernel has the netdev netlink family (Linux 6.3)
    std::uint64_t xdp_features = 0;    ///< enum netdev_xdp_act
    std::uint32_t zc_segments_max = 0; ///< xdp-zc-max-segs; 0: no zero-copy, or before Linux 6.6
    std::uint64_t xsk_features = 0;    ///< enum netdev_xsk_flags; 0 before Linux 6.8
    int numa_node = -1;                ///< -1: none, or the machine does not tell
    /// Copy mode attaches pages of the UMEM to the skb in place of copying them
    /// (IFF_TX_SKB_NO_LINEAR). The kernel does not show the flag: read from the driver's name.
    bool skb_no_linear = false;
    /// virtio_net only: packets are completed when the device has done with them (true), or when
    /// they are handed to it (false: a frame that looks free is still being read).
    std::optional<bool> napi_tx;
    bool up = false; ///< administratively

    [[nodiscard]] bool has_basic() const noexcept;    ///< NETDEV_XDP_ACT_BASIC
    [[nodiscard]] bool has_redirect() const noexcept; ///< NETDEV_XDP_ACT_REDIRECT
    /// NETDEV_XDP_ACT_XSK_ZEROCOPY
    [[nodiscard]] bool has_xsk_zerocopy() const noexcept;
    [[nodiscard]] bool has_rx_sg() const noexcept;            ///< NETDEV_XDP_ACT_RX_SG
    [[nodiscard]] bool has_xsk_tx_timestamp() const noexcept; ///< NETDEV_XSK_FLAGS_TX_TIMESTAMP
    [[nodiscard]] bool has_xsk_tx_checksum() const noexcept;  ///< NETDEV_XSK_FLAGS_TX_CHECKSUM
};

/// The names of Documentation/netlink/specs/netdev.yaml ("redirect", "xsk-zerocopy"; "tx-checksum")
/// of the bits that are set; "bit 9" for one that is newer than this program.
[[nodiscard]] std::vector<std::string> xdp_feature_names(std::uint64_t xdp_features);
[[nodiscard]] std::vector<std::string> xsk_feature_names(std::uint64_t xsk_features);

/// Asks the kernel; changes nothing and needs no privileges but those to visit the namespace.
/// Throws core::UsageError where there is no such interface, core::SystemError for the rest.
[[nodiscard]] XdpDevice probe_xdp_device(const NetNamespace& netns, const std::string& interface,
                                         const core::SystemRoot& root = {});

} // namespace pagewire::nic
