// SPDX-License-Identifier: BSD-3-Clause
#include "nic/ip_address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <charconv>

namespace pagewire::nic {

int family_of(const IpAddress& address)
{
    return std::holds_alternative<Ipv6Address>(address) ? AF_INET6 : AF_INET;
}

unsigned num_bits(const IpAddress& address)
{
    return std::holds_alternative<Ipv6Address>(address) ? 128 : 32;
}

std::string format_ip(const IpAddress& address)
{
    std::array<char, INET6_ADDRSTRLEN> text{};
    std::visit(
        [&](const auto& octets) {
            ::inet_ntop(family_of(address), &octets, text.data(), text.size());
        },
        address);
    return text.data();
}

std::optional<IpAddress> parse_ip(const std::string& text)
{
    std::uint32_t ipv4 = 0;
    if (::inet_pton(AF_INET, text.c_str(), &ipv4) == 1)
        return ipv4;
    Ipv6Address ipv6{};
    if (::inet_pton(AF_INET6, text.substr(0, text.find('%')).c_str(), ipv6.data()) == 1)
        return ipv6;
    return std::nullopt;
}

std::string format_interface_address(const InterfaceAddress& address)
{
    return fmt::format("{}/{}", format_ip(address.address), address.prefix_length);
}

std::optional<InterfaceAddress> parse_interface_address(const std::string& text)
{
    const auto slash = text.find('/');
    if (slash == std::string::npos)
        return std::nullopt;
    const auto address = parse_ip(text.substr(0, slash));
    unsigned prefix_length = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, prefix_length);
    if (!address || error != std::errc{} || stop != end || prefix_length > num_bits(*address))
        return std::nullopt;
    return InterfaceAddress{.address = *address, .prefix_length = prefix_length};
}

} // namespace pagewire::nic
