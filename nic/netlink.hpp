// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/error.hpp"
#include "nic/net_namespace.hpp"

#include <netlink/addr.h>
#include <netlink/cache.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>
#include <netlink/socket.h>

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// libnl with owners and exceptions: one type for each kind of libnl object, one socket that tells
/// why the kernel refused. Private to nic/.
namespace pagewire::nic {

template<auto Release>
struct LibnlDeleter {
    template<typename T>
    void operator()(T* object) const noexcept
    {
        Release(object);
    }
};

using SocketPtr = std::unique_ptr<nl_sock, LibnlDeleter<nl_socket_free>>;
using MessagePtr = std::unique_ptr<nl_msg, LibnlDeleter<nlmsg_free>>;
using CallbacksPtr = std::unique_ptr<nl_cb, LibnlDeleter<nl_cb_put>>;
using CachePtr = std::unique_ptr<nl_cache, LibnlDeleter<nl_cache_free>>;
using NlAddrPtr = std::unique_ptr<nl_addr, LibnlDeleter<nl_addr_put>>;
using LinkPtr = std::unique_ptr<rtnl_link, LibnlDeleter<rtnl_link_put>>;
using AddressPtr = std::unique_ptr<rtnl_addr, LibnlDeleter<rtnl_addr_put>>;
using NeighbourPtr = std::unique_ptr<rtnl_neigh, LibnlDeleter<rtnl_neigh_put>>;
using RoutePtr = std::unique_ptr<rtnl_route, LibnlDeleter<rtnl_route_put>>;

/// Takes ownership of what a libnl allocator returned; throws std::bad_alloc in place of nullptr.
template<typename Owner>
[[nodiscard]] Owner own(typename Owner::pointer object)
{
    if (object == nullptr)
        throw std::bad_alloc();
    return Owner(object);
}

/// A netlink(7) socket that lives in a given namespace, acknowledgements and extended errors on.
///
/// libnl folds the kernel's errno into fewer codes of its own and drops the extended error's text.
/// This socket listens for both, so that a SystemError carries what the kernel said:
/// "create veth pair a/b (kernel: Invalid number of transmit queues): Invalid argument".
class NetlinkSocket {
  public:
    NetlinkSocket(const NetNamespace& netns, int protocol);
    NetlinkSocket(const NetlinkSocket&) = delete; // libnl's callback points here
    NetlinkSocket& operator=(const NetlinkSocket&) = delete;
    ~NetlinkSocket() = default;

    [[nodiscard]] nl_sock* get() const noexcept { return socket_.get(); }

    /// Passes the non-negative result of a libnl call on this socket through; throws
    /// core::SystemError, with the kernel's errno where it was the kernel that refused, else with
    /// the nearest to libnl's code.
    int check(int result, std::string_view action, std::string_view object);

    /// Sends one request and returns the replies that came before its acknowledgement. Throws as
    /// check() does.
    std::vector<MessagePtr> exchange(const MessagePtr& request, std::string_view action,
                                     std::string_view object);

  private:
    struct Refusal {
        int error = 0; // errno, positive; 0: none
        std::string text;
    };

    static int on_refusal(sockaddr_nl* from, nlmsgerr* error, void* refusal) noexcept;

    SocketPtr socket_;
    Refusal refusal_;
};

/// The attributes of the only reply to a generic netlink request; core::SystemError (EPROTO) where
/// there are more, or none. They live as long as the message.
[[nodiscard]] std::span<const std::byte> only_reply(const std::vector<MessagePtr>& replies,
                                                    std::string_view action,
                                                    std::string_view object);

/// The link of this name; core::UsageError where there is none.
[[nodiscard]] LinkPtr get_link(NetlinkSocket& socket, const std::string& interface);

/// Throws core::UsageError for a name that no interface can have: libnl would cut a long one short.
void check_interface_name(const std::string& interface);

/// What to throw for an interface that does not exist.
[[nodiscard]] core::UsageError no_such_interface(const std::string& interface);

} // namespace pagewire::nic
