// SPDX-License-Identifier: BSD-3-Clause
#include "nic/feature_channel.hpp"

#include "nic/ethtool_parse.hpp"

#include <linux/ethtool_netlink.h>
#include <netlink/attr.h>

#include <utility>

namespace pagewire::nic {

FeatureChannel::FeatureChannel(const NetNamespace& netns, std::string interface)
    : channel_(netns, std::move(interface))
{}

FeatureTable FeatureChannel::read()
{
    const char* action = "read features of";
    const auto replies =
        channel_.exchange(channel_.new_request(ETHTOOL_MSG_FEATURES_GET, 0), action);
    return parse_features_reply(only_reply(replies, action, channel_.interface()));
}

void FeatureChannel::ask(const FeatureSettings& settings)
{
    const char* action = "set features of";
    const MessagePtr request =
        channel_.new_request(ETHTOOL_MSG_FEATURES_SET, ETHTOOL_FLAG_OMIT_REPLY);
    nl_msg* message = request.get();
    {
        const Nest wanted(message, ETHTOOL_A_FEATURES_WANTED);
        const Nest bits(message, ETHTOOL_A_BITSET_BITS);
        for (const auto& [name, on] : settings) {
            const Nest bit(message, ETHTOOL_A_BITSET_BITS_BIT);
            channel_.check(nla_put_string(message, ETHTOOL_A_BITSET_BIT_NAME, name.c_str()),
                           action);
            if (on)
                channel_.check(nla_put_flag(message, ETHTOOL_A_BITSET_BIT_VALUE), action);
        }
    }
    channel_.exchange(request, action);
}

} // namespace pagewire::nic
