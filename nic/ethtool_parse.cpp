// SPDX-License-Identifier: BSD-3-Clause
#include "nic/ethtool_parse.hpp"

#include "nic/attributes.hpp"

#include <linux/ethtool_netlink.h>

#include <array>
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

} // namespace

FeatureTable parse_features_reply(std::span<const std::byte> payload)
{
    const auto reply = parse_attributes(payload, kReplyPolicy);

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
