// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "nic/ip_address.hpp"
#include "nic/net_namespace.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// Links, addresses and neighbours through rtnetlink(7) (libnl-route-3). Every function opens its
/// socket inside the given namespace and throws core::SystemError that names the action and the
/// link, with the kernel's errno.
namespace pagewire::nic {

struct LinkFacts {
    std::uint32_t index = 0;
    std::uint32_t mtu = 0;
    std::uint32_t num_tx_queues = 0;
    std::uint32_t num_rx_queues = 0;
    bool up = false;      ///< administratively
    bool carrier = false; ///< told of a link that is up only
    std::string state;    ///< RFC 2863 §3.1.14: "up", "down", "lowerlayerdown", "unknown"
    core::MacAddress mac{};
    std::string kind; ///< "veth", "" for a physical device
};

struct VethPairConfig {
    std::string near_name;
    std::string far_name;
    std::uint32_t mtu = 1500;
    std::uint32_t num_queues = 1;
};

/// Smallest and largest MTU of the testbed's own links: IPv4's minimum (RFC 791 §3.2) for a link
/// that carries the testbed's headers with some payload, and the largest that veth takes.
inline constexpr std::uint32_t kMtuMin = 576;
inline constexpr std::uint32_t kMtuMax = 65535;

/// A veth pair, one end in each namespace, both down, IPv6 address generation off (no frames but
/// the testbed's).
void create_veth_pair(const NetNamespace& near, const NetNamespace& far,
                      const VethPairConfig& config);

/// Throws core::UsageError where there is no such interface.
[[nodiscard]] LinkFacts link_facts(const NetNamespace& netns, const std::string& interface);

/// The driver's counters since the link was made: octets with their link-layer headers.
struct LinkCounters {
    std::uint64_t tx_bytes = 0;
    std::uint64_t tx_packets = 0;
};

[[nodiscard]] LinkCounters link_counters(const NetNamespace& netns, const std::string& interface);

void set_link_up(const NetNamespace& netns, const std::string& interface);
void set_link_down(const NetNamespace& netns, const std::string& interface);
void delete_link(const NetNamespace& netns, const std::string& interface);

/// Below 1280 the kernel takes the interface's IPv6 addresses away (RFC 8200 §5), and no return to
/// the earlier MTU brings them back.
void set_mtu(const NetNamespace& netns, const std::string& interface, std::uint32_t mtu);

/// To another namespace, under the same name, down and without addresses. A device of hardware
/// comes back to the first namespace of the system when its own is gone.
void move_link(const NetNamespace& netns, const std::string& interface, const NetNamespace& target);

/// `ipv4` in network byte order. An address that is there already is an error (EEXIST).
void add_address(const NetNamespace& netns, const std::string& interface, std::uint32_t ipv4,
                 unsigned prefix_length);
/// Usable at once: no duplicate address detection (IFA_F_NODAD).
void add_address(const NetNamespace& netns, const std::string& interface, const Ipv6Address& ipv6,
                 unsigned prefix_length);
void add_address(const NetNamespace& netns, const std::string& interface,
                 const InterfaceAddress& address);

/// One that is not there is an error (EADDRNOTAVAIL).
void delete_address(const NetNamespace& netns, const std::string& interface, std::uint32_t ipv4,
                    unsigned prefix_length);
void delete_address(const NetNamespace& netns, const std::string& interface,
                    const Ipv6Address& ipv6, unsigned prefix_length);
void delete_address(const NetNamespace& netns, const std::string& interface,
                    const InterfaceAddress& address);

/// Of both families, in the kernel's order.
[[nodiscard]] std::vector<InterfaceAddress> addresses(const NetNamespace& netns,
                                                      const std::string& interface);

/// First IPv4 address of the interface, network byte order.
[[nodiscard]] std::optional<std::uint32_t> first_address(const NetNamespace& netns,
                                                         const std::string& interface);

/// A permanent entry: no ARP on the link.
void add_static_neighbour(const NetNamespace& netns, const std::string& interface,
                          std::uint32_t ipv4, const core::MacAddress& mac);

/// The resolved hardware address of an on-link IPv4 address, if the kernel knows it.
[[nodiscard]] std::optional<core::MacAddress>
find_neighbour(const NetNamespace& netns, const std::string& interface, std::uint32_t ipv4);

/// The on-link IPv4 address that packets to `ipv4` are handed to on this interface: the gateway of
/// the route that the kernel would take, or `ipv4` itself. Nothing when the route leaves by another
/// interface.
[[nodiscard]] std::optional<std::uint32_t>
next_hop(const NetNamespace& netns, const std::string& interface, std::uint32_t ipv4);

} // namespace pagewire::nic
