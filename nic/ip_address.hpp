// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace pagewire::nic {

/// In network byte order, as in6_addr has it.
using Ipv6Address = std::array<std::uint8_t, 16>;

/// IPv4 in network byte order, or IPv6.
using IpAddress = std::variant<std::uint32_t, Ipv6Address>;

/// An address of an interface and the length of the prefix that is on its link.
struct InterfaceAddress {
    IpAddress address;
    unsigned prefix_length = 0;

    bool operator==(const InterfaceAddress&) const = default;
};

/// "192.0.2.1", "2001:db8::1" (RFC 5952).
[[nodiscard]] std::string format_ip(const IpAddress& address);
/// Nothing where the text is no address. An IPv6 address may have a zone ("fe80::1%eth0"), which is
/// left out.
[[nodiscard]] std::optional<IpAddress> parse_ip(const std::string& text);

/// "192.0.2.1/24".
[[nodiscard]] std::string format_interface_address(const InterfaceAddress& address);
[[nodiscard]] std::optional<InterfaceAddress> parse_interface_address(const std::string& text);

/// AF_INET or AF_INET6.
[[nodiscard]] int family_of(const IpAddress& address);
/// 32 or 128.
[[nodiscard]] unsigned num_bits(const IpAddress& address);

} // namespace pagewire::nic
