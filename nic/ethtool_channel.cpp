// SPDX-License-Identifier: BSD-3-Clause
#include "nic/ethtool_channel.hpp"

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

} // namespace

Nest::Nest(nl_msg* message, int type) : message_(message), nest_(nla_nest_start(message, type))
{
    if (nest_ == nullptr)
        core::throw_error(EMSGSIZE, "build", "an ethtool request");
}

Nest::~Nest()
{
    nla_nest_end(message_, nest_);
}

EthtoolChannel::EthtoolChannel(const NetNamespace& netns, std::string interface)
    : socket_(netns, NETLINK_GENERIC),
      family_(socket_.check(genl_ctrl_resolve(socket_.get(), ETHTOOL_GENL_NAME), "find",
                            "the ethtool netlink family (Linux 5.7 and later)")),
      interface_(std::move(interface))
{
    check_interface_name(interface_);
}

MessagePtr EthtoolChannel::new_request(std::uint8_t command, std::uint32_t header_flags)
{
    const char* action = "build an ethtool request for";
    auto request = own<MessagePtr>(nlmsg_alloc_size(kRequestBytes));
    nl_msg* message = request.get();
    if (genlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, family_, 0, 0, command,
                    ETHTOOL_GENL_VERSION) == nullptr)
        core::throw_error(EMSGSIZE, action, interface_);
    // Every ethtool request has its header nest in attribute 1.
    const Nest header(message, ETHTOOL_A_FEATURES_HEADER);
    check(nla_put_string(message, ETHTOOL_A_HEADER_DEV_NAME, interface_.c_str()), action);
    check(nla_put_u32(message, ETHTOOL_A_HEADER_FLAGS, header_flags), action);
    return request;
}

std::vector<MessagePtr> EthtoolChannel::exchange(const MessagePtr& request, std::string_view action)
{
    try {
        return socket_.exchange(request, action, interface_);
    } catch (const core::SystemError& error) {
        if (error.code().value() == ENODEV)
            throw no_such_interface(interface_);
        throw;
    }
}

std::optional<std::vector<std::byte>> EthtoolChannel::get(const MessagePtr& request,
                                                          std::string_view action)
{
    try {
        const auto replies = exchange(request, action);
        const auto attributes = only_reply(replies, action, interface_);
        return std::vector<std::byte>(attributes.begin(), attributes.end());
    } catch (const core::SystemError& error) {
        if (error.code().value() == EOPNOTSUPP)
            return std::nullopt;
        throw;
    }
}

std::optional<std::vector<std::byte>> EthtoolChannel::get(std::uint8_t command,
                                                          std::string_view action)
{
    return get(new_request(command, 0), action);
}

} // namespace pagewire::nic
