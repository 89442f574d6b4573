// SPDX-License-Identifier: BSD-3-Clause
#include "nic/feature_channel.hpp"

#include "nic/ethtool_parse.hpp"

#include <linux/ethtool_netlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>

#include <cerrno>
#include <utility>

namespace pagewire::nic {

namespace {

/// Room for a request that names every feature there is: 70 of them take 3 KiB.
constexpr std::size_t kRequestBytes = 16384;

/// An attribute that holds those put into the message until the end of the scope.
class Nest {
  public:
    Nest(nl_msg* message, int type) : message_(message), nest_(nla_nest_start(message, type))
    {
        if (nest_ == nullptr)
            core::throw_error(EMSGSIZE, "build", "an ethtool request");
    }

    Nest(const Nest&) = delete;
    Nest& operator=(const Nest&) = delete;

    ~Nest() { nla_nest_end(message_, nest_); }

  private:
    nl_msg* message_;
    nlattr* nest_;
};

} // namespace

FeatureChannel::FeatureChannel(const NetNamespace& netns, std::string interface)
    : socket_(netns, NETLINK_GENERIC),
      family_(socket_.check(genl_ctrl_resolve(socket_.get(), ETHTOOL_GENL_NAME), "find",
                            "the ethtool netlink family (Linux 5.7 and later)")),
      interface_(std::move(interface))
{
    check_interface_name(interface_);
}

FeatureTable FeatureChannel::read()
{
    const char* action = "read features of";
    const auto replies = exchange(new_request(ETHTOOL_MSG_FEATURES_GET, 0), action);
    nlmsghdr* header = replies.size() == 1 ? nlmsg_hdr(replies.front().get()) : nullptr;
    if (header == nullptr || genlmsg_valid_hdr(header, 0) == 0)
        core::throw_error(EPROTO, action, interface_);
    const genlmsghdr* reply = genlmsg_hdr(header);
    return parse_features_reply({reinterpret_cast<const std::byte*>(genlmsg_attrdata(reply, 0)),
                                 static_cast<std::size_t>(genlmsg_attrlen(reply, 0))});
}

void FeatureChannel::ask(const FeatureSettings& settings)
{
    const char* action = "set features of";
    const MessagePtr request = new_request(ETHTOOL_MSG_FEATURES_SET, ETHTOOL_FLAG_OMIT_REPLY);
    nl_msg* message = request.get();
    {
        const Nest wanted(message, ETHTOOL_A_FEATURES_WANTED);
        const Nest bits(message, ETHTOOL_A_BITSET_BITS);
        for (const auto& [name, on] : settings) {
            const Nest bit(message, ETHTOOL_A_BITSET_BITS_BIT);
            socket_.check(nla_put_string(message, ETHTOOL_A_BITSET_BIT_NAME, name.c_str()), action,
                          interface_);
            if (on)
                socket_.check(nla_put_flag(message, ETHTOOL_A_BITSET_BIT_VALUE), action,
                              interface_);
        }
    }
    exchange(request, action);
}

MessagePtr FeatureChannel::new_request(std::uint8_t command, std::uint32_t header_flags)
{
    const char* action = "build an ethtool request for";
    auto request = own<MessagePtr>(nlmsg_alloc_size(kRequestBytes));
    nl_msg* message = request.get();
    if (genlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, family_, 0, 0, command,
                    ETHTOOL_GENL_VERSION) == nullptr)
        core::throw_error(EMSGSIZE, action, interface_);
    // Every ethtool request has its header nest in attribute 1.
    const Nest header(message, ETHTOOL_A_FEATURES_HEADER);
    socket_.check(nla_put_string(message, ETHTOOL_A_HEADER_DEV_NAME, interface_.c_str()), action,
                  interface_);
    socket_.check(nla_put_u32(message, ETHTOOL_A_HEADER_FLAGS, header_flags), action, interface_);
    return request;
}

std::vector<MessagePtr> FeatureChannel::exchange(const MessagePtr& request, std::string_view action)
{
    try {
        return socket_.exchange(request, action, interface_);
    } catch (const core::SystemError& error) {
        if (error.code().value() == ENODEV)
            throw no_such_interface(interface_);
        throw;
    }
}

} // namespace pagewire::nic
