// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/netlink.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::nic {

/// An attribute that holds those put into the message until the end of the scope.
class Nest {
  public:
    /// Throws core::SystemError where the message has no room.
    Nest(nl_msg* message, int type);
    Nest(const Nest&) = delete;
    Nest& operator=(const Nest&) = delete;
    ~Nest();

  private:
    nl_msg* message_;
    nlattr* nest_;
};

/// The "ethtool" generic netlink family (Documentation/networking/ethtool-netlink.rst), for one
/// interface. Every request throws core::UsageError where there is no such interface,
/// core::SystemError for the rest.
class EthtoolChannel {
  public:
    EthtoolChannel(const NetNamespace& netns, std::string interface);

    [[nodiscard]] const std::string& interface() const noexcept { return interface_; }

    /// A request with its header nest, to be filled and given to exchange().
    [[nodiscard]] MessagePtr new_request(std::uint8_t command, std::uint32_t header_flags);

    std::vector<MessagePtr> exchange(const MessagePtr& request, std::string_view action);

    /// The attributes of the one reply to a request, aligned as netlink's are; nothing where the
    /// kernel or the driver does not have what is asked for (EOPNOTSUPP).
    [[nodiscard]] std::optional<std::vector<std::byte>> get(const MessagePtr& request,
                                                            std::string_view action);
    [[nodiscard]] std::optional<std::vector<std::byte>> get(std::uint8_t command,
                                                            std::string_view action);

    /// Passes the result of a libnl call on this channel through; throws as NetlinkSocket::check().
    int check(int result, std::string_view action)
    {
        return socket_.check(result, action, interface_);
    }

  private:
    NetlinkSocket socket_;
    int family_;
    std::string interface_;
};

} // namespace pagewire::nic
