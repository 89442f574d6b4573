// SPDX-License-Identifier: BSD-3-Clause
#include "nic/attributes.hpp"

#include "core/error.hpp"

#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>

#include <cerrno>

namespace pagewire::nic {

namespace {

constexpr auto kBitsetPolicy = [] {
    std::array<nla_policy, ETHTOOL_A_BITSET_MAX + 1> policy{};
    policy[ETHTOOL_A_BITSET_NOMASK].type = NLA_FLAG;
    policy[ETHTOOL_A_BITSET_BITS].type = NLA_NESTED;
    return policy;
}();

constexpr auto kBitPolicy = [] {
    std::array<nla_policy, ETHTOOL_A_BITSET_BIT_MAX + 1> policy{};
    policy[ETHTOOL_A_BITSET_BIT_NAME].type = NLA_STRING; // libnl's policy asks for the final NUL
    policy[ETHTOOL_A_BITSET_BIT_NAME].maxlen = ETH_GSTRING_LEN;
    policy[ETHTOOL_A_BITSET_BIT_VALUE].type = NLA_FLAG;
    return policy;
}();

} // namespace

void malformed(std::string_view what)
{
    core::throw_error(EBADMSG, "parse the ethtool reply:", what);
}

void for_each_nested(nlattr* list, std::string_view what, const std::function<void(nlattr*)>& visit)
{
    int remaining = nla_len(list);
    auto* member = static_cast<nlattr*>(nla_data(list));
    for (; nla_ok(member, remaining); member = nla_next(member, &remaining))
        visit(member);
    if (remaining > 0)
        malformed(what);
}

void for_each_bit(nlattr* bitset, const std::function<void(const std::string&, bool)>& set)
{
    if (bitset == nullptr)
        malformed("a bitset is missing");
    const auto attributes = parse_nested(bitset, kBitsetPolicy, "a bitset is damaged");
    const bool all_set = attributes[ETHTOOL_A_BITSET_NOMASK] != nullptr;
    nlattr* bits = attributes[ETHTOOL_A_BITSET_BITS];
    if (bits == nullptr)
        malformed("a bitset has no list of bits");
    for_each_nested(bits, "a list of bits is cut off", [&](nlattr* bit) {
        const auto fields = parse_nested(bit, kBitPolicy, "a bit is damaged");
        const nlattr* name = fields[ETHTOOL_A_BITSET_BIT_NAME];
        if (name == nullptr)
            malformed("a bit has no name");
        const std::string text = nla_get_string(name);
        if (!text.empty()) // bits that the kernel retired keep their place, without a name
            set(text, all_set || fields[ETHTOOL_A_BITSET_BIT_VALUE] != nullptr);
    });
}

} // namespace pagewire::nic
