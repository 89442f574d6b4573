// SPDX-License-Identifier: BSD-3-Clause
#include "nic/ethtool_parse.hpp"

#include "core/error.hpp"

#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <netlink/attr.h>

#include <array>
#include <cerrno>
#include <string>

namespace pagewire::nic {

namespace {

constexpr auto kReplyPolicy = [] {
    std::array<nla_policy, ETHTOOL_A_FEATURES_MAX + 1> policy{};
    policy[ETHTOOL_A_FEATURES_HW].type = NLA_NESTED;
    policy[ETHTOOL_A_FEATURES_WANTED].type = NLA_NESTED;
    policy[ETHTOOL_A_FEATURES_ACTIVE].type = NLA_NESTED;
    policy[ETHTOOL_A_FEATURES_NOCHANGE].type = NLA_NESTED;
    return policy;
}();

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

[[noreturn]] void malformed(std::string_view what)
{
    core::throw_error(EBADMSG, "parse the ethtool features reply:", what);
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

/// Calls set(name, value) for each bit of a verbose bitset that has a name. Without a mask the set
/// bits are listed and nothing else; with one, each bit of the mask is, and a flag says whether it
/// is set.
template<typename Set>
void for_each_bit(nlattr* bitset, Set set)
{
    if (bitset == nullptr)
        malformed("a bitset is missing");
    const auto attributes = parse_nested(bitset, kBitsetPolicy, "a bitset is damaged");
    const bool all_set = attributes[ETHTOOL_A_BITSET_NOMASK] != nullptr;
    nlattr* bits = attributes[ETHTOOL_A_BITSET_BITS];
    if (bits == nullptr)
        malformed("a bitset has no list of bits");

    int remaining = nla_len(bits);
    auto* bit = static_cast<nlattr*>(nla_data(bits));
    for (; nla_ok(bit, remaining); bit = nla_next(bit, &remaining)) {
        const auto fields = parse_nested(bit, kBitPolicy, "a bit is damaged");
        const nlattr* name = fields[ETHTOOL_A_BITSET_BIT_NAME];
        if (name == nullptr)
            malformed("a bit has no name");
        const std::string text = nla_get_string(name);
        if (!text.empty()) // bits that the kernel retired keep their place, without a name
            set(text, all_set || fields[ETHTOOL_A_BITSET_BIT_VALUE] != nullptr);
    }
    if (remaining > 0)
        malformed("a list of bits is cut off");
}

} // namespace

FeatureTable parse_features_reply(std::span<const std::byte> payload)
{
    std::array<nlattr*, ETHTOOL_A_FEATURES_MAX + 1> reply{};
    // The kernel sets the size of a message; no device has a features reply of 2 GiB.
    auto* head = const_cast<nlattr*>(reinterpret_cast<const nlattr*>(payload.data()));
    if (nla_parse(reply.data(), ETHTOOL_A_FEATURES_MAX, head, static_cast<int>(payload.size()),
                  kReplyPolicy.data()) < 0)
        malformed("an attribute is damaged");

    // The hw bitset has a mask of all the bits that the kernel knows: the names come from there.
    FeatureTable table;
    for_each_bit(reply[ETHTOOL_A_FEATURES_HW],
                 [&](const std::string& name, bool value) { table[name].hw = value; });
    const auto fill = [&](int attribute, bool Feature::*member) {
        for_each_bit(reply[static_cast<std::size_t>(attribute)],
                     [&](const std::string& name, bool value) {
                         const auto found = table.find(name);
                         if (found == table.end())
                             malformed("a feature is missing from the hw bitset");
                         found->second.*member = value;
                     });
    };
    fill(ETHTOOL_A_FEATURES_WANTED, &Feature::wanted);
    fill(ETHTOOL_A_FEATURES_ACTIVE, &Feature::active);
    fill(ETHTOOL_A_FEATURES_NOCHANGE, &Feature::fixed);
    return table;
}

} // namespace pagewire::nic
