// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <netlink/attr.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

/// Attributes of an ethtool reply, read without a look outside of it. Private to nic/.
namespace pagewire::nic {

/// Throws core::SystemError (EBADMSG).
[[noreturn]] void malformed(std::string_view what);

/// The attributes of a reply by type, nullptr for those that are not there.
template<std::size_t Num>
std::array<nlattr*, Num> parse_attributes(std::span<const std::byte> payload,
                                          const std::array<nla_policy, Num>& policy)
{
    std::array<nlattr*, Num> attributes{};
    // The kernel sets the size of a message; no device has a reply of 2 GiB.
    auto* head = const_cast<nlattr*>(reinterpret_cast<const nlattr*>(payload.data()));
    if (nla_parse(attributes.data(), Num - 1, head, static_cast<int>(payload.size()),
                  policy.data()) < 0)
        malformed("an attribute is damaged");
    return attributes;
}

/// The attributes nested in `parent`, by type.
template<std::size_t Num>
std::array<nlattr*, Num> parse_nested(nlattr* parent, const std::array<nla_policy, Num>& policy,
                                      std::string_view what)
{
    std::array<nlattr*, Num> attributes{};
    if (nla_parse_nested(attributes.data(), Num - 1, parent, policy.data()) < 0)
        malformed(what);
    return attributes;
}

/// Calls visit() for each attribute nested in `list`; throws when the last one is cut off.
void for_each_nested(nlattr* list, std::string_view what,
                     const std::function<void(nlattr*)>& visit);

/// Calls set(name, value) for each bit of a verbose bitset that has a name
/// (Documentation/networking/ethtool-netlink.rst, "Bit sets"). Without a mask the set bits are
/// listed and nothing else; with one, each bit of the mask is, and a flag says whether it is set.
void for_each_bit(nlattr* bitset, const std::function<void(const std::string&, bool)>& set);

} // namespace pagewire::nic
