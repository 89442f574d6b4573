// SPDX-License-Identifier: BSD-3-Clause
#include "nic/netlink.hpp"

#include <linux/netlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/genl.h>
#include <netlink/handlers.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace pagewire::nic {

namespace {

/// The text that the kernel put beside an error (NLMSGERR_ATTR_MSG), empty where it gave none.
/// Documentation/userspace-api/netlink/intro.rst, "Extended ACK": the attributes follow the echoed
/// request, of which only the header is there in a capped message.
std::string extended_error_text(const nlmsgerr& error)
{
    const auto* header = reinterpret_cast<const nlmsghdr*>(&error) - 1;
    if ((header->nlmsg_flags & NLM_F_ACK_TLVS) == 0)
        return {};
    const std::size_t echoed =
        (header->nlmsg_flags & NLM_F_CAPPED) != 0 ? 0 : error.msg.nlmsg_len - NLMSG_HDRLEN;
    const std::size_t offset = NLMSG_HDRLEN + sizeof(error) + NLMSG_ALIGN(echoed);
    if (offset >= header->nlmsg_len)
        return {};
    const auto* attributes =
        reinterpret_cast<const nlattr*>(reinterpret_cast<const char*>(header) + offset);
    const nlattr* text =
        nla_find(attributes, static_cast<int>(header->nlmsg_len - offset), NLMSGERR_ATTR_MSG);
    if (text == nullptr)
        return {};
    const auto* chars = static_cast<const char*>(nla_data(text));
    return {chars, ::strnlen(chars, static_cast<std::size_t>(nla_len(text)))};
}

/// The errno nearest to a libnl error code (NLE_*, negated), for what libnl itself found wrong.
int errno_of_libnl(int nle) noexcept
{
    switch (-nle) {
    case NLE_INTR:
    case NLE_DUMP_INTR:
        return EINTR;
    case NLE_BAD_SOCK:
        return EBADF;
    case NLE_AGAIN:
        return EAGAIN;
    case NLE_NOMEM:
        return ENOMEM;
    case NLE_EXIST:
        return EEXIST;
    case NLE_INVAL:
        return EINVAL;
    case NLE_RANGE:
        return ERANGE;
    case NLE_MSGSIZE:
    case NLE_MSG_OVERFLOW:
        return EMSGSIZE;
    case NLE_OPNOTSUPP:
        return EOPNOTSUPP;
    case NLE_AF_NOSUPPORT:
        return EAFNOSUPPORT;
    case NLE_OBJ_NOTFOUND:
        return ENOENT;
    case NLE_NOADDR:
        return EADDRNOTAVAIL;
    case NLE_BUSY:
        return EBUSY;
    case NLE_NOACCESS:
        return EACCES;
    case NLE_PERM:
        return EPERM;
    case NLE_NODEV:
        return ENODEV;
    default:
        return EPROTO; // a message that libnl could not make sense of
    }
}

} // namespace

NetlinkSocket::NetlinkSocket(const NetNamespace& netns, int protocol)
    : socket_(own<SocketPtr>(nl_socket_alloc()))
{
    const NetNamespace::Visit visit(netns);
    check(nl_connect(socket_.get(), protocol), "open", "a netlink socket");
    check(nl_socket_modify_err_cb(socket_.get(), NL_CB_CUSTOM, &on_refusal, &refusal_),
          "watch for errors on", "a netlink socket");
    const int on = 1;
    core::checked(::setsockopt(nl_socket_get_fd(socket_.get()), SOL_NETLINK, NETLINK_EXT_ACK, &on,
                               sizeof(on)),
                  "setsockopt NETLINK_EXT_ACK");
}

/// noexcept: an exception must not fly through libnl's C frames.
int NetlinkSocket::on_refusal(sockaddr_nl* /*from*/, nlmsgerr* error, void* refusal) noexcept
{
    *static_cast<Refusal*>(refusal) = {.error = -error->error, .text = extended_error_text(*error)};
    return NL_STOP; // libnl returns its own code for the error
}

int NetlinkSocket::check(int result, std::string_view action, std::string_view object)
{
    const Refusal refusal = std::exchange(refusal_, {});
    if (result >= 0)
        return result;
    const int error = refusal.error != 0 ? refusal.error : errno_of_libnl(result);
    if (refusal.text.empty())
        core::throw_error(error, action, object);
    core::throw_error(error, action, fmt::format("{} (kernel: {})", object, refusal.text));
}

std::vector<MessagePtr> NetlinkSocket::exchange(const MessagePtr& request, std::string_view action,
                                                std::string_view object)
{
    struct Exchange {
        std::vector<MessagePtr> replies;
        bool acknowledged = false;
    };

    Exchange exchange;
    const CallbacksPtr shared(nl_socket_get_cb(socket_.get()));
    const auto callbacks = own<CallbacksPtr>(nl_cb_clone(shared.get()));
    const auto on_reply = [](nl_msg* message, void* arg) noexcept -> int {
        nlmsg_get(message); // libnl drops its own reference when this returns
        static_cast<Exchange*>(arg)->replies.emplace_back(message);
        return NL_OK;
    };
    const auto on_acknowledgement = [](nl_msg* /*message*/, void* arg) noexcept -> int {
        static_cast<Exchange*>(arg)->acknowledged = true;
        return NL_STOP;
    };
    nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_reply, &exchange);
    nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, on_acknowledgement, &exchange);

    check(nl_send_auto(socket_.get(), request.get()), action, object);
    while (!exchange.acknowledged)
        check(nl_recvmsgs(socket_.get(), callbacks.get()), action, object);
    return std::move(exchange.replies);
}

std::span<const std::byte> only_reply(const std::vector<MessagePtr>& replies,
                                      std::string_view action, std::string_view object)
{
    nlmsghdr* header = replies.size() == 1 ? nlmsg_hdr(replies.front().get()) : nullptr;
    if (header == nullptr || genlmsg_valid_hdr(header, 0) == 0)
        core::throw_error(EPROTO, action, object);
    const genlmsghdr* reply = genlmsg_hdr(header);
    return {reinterpret_cast<const std::byte*>(genlmsg_attrdata(reply, 0)),
            static_cast<std::size_t>(genlmsg_attrlen(reply, 0))};
}

LinkPtr get_link(NetlinkSocket& socket, const std::string& interface)
{
    check_interface_name(interface);
    rtnl_link* link = nullptr;
    const int result = rtnl_link_get_kernel(socket.get(), 0, interface.c_str(), &link);
    LinkPtr owner(link);
    if (result == -NLE_NODEV)
        throw no_such_interface(interface);
    socket.check(result, "look up link", interface);
    return owner;
}

void check_interface_name(const std::string& interface)
{
    if (interface.empty() || interface.size() >= IFNAMSIZ)
        throw no_such_interface(interface);
}

core::UsageError no_such_interface(const std::string& interface)
{
    return core::UsageError(fmt::format(
        "no interface \"{}\" in this network namespace: \"ip link\" lists those that are there",
        interface));
}

} // namespace pagewire::nic
