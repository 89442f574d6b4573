// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/control_socket.hpp"

#include "core/error.hpp"
#include "core/socket.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace pagewire::dataplane {

namespace {

/// It may have come in IP fragments.
constexpr std::size_t kLongestDatagram = 65536;

} // namespace

ControlSocket::ControlSocket(const core::ReceiveOrder& order)
    : socket_(core::open_socket(SOCK_DGRAM)),
      buffer_(kLongestDatagram)
{
    core::bind_socket(socket_.get(), order.ipv4, order.port);
}

std::uint16_t ControlSocket::port() const
{
    return core::local_address(socket_.get()).port;
}

std::optional<std::span<const std::byte>> ControlSocket::receive(sockaddr_in& sender)
{
    socklen_t length = sizeof(sender);
    const ssize_t got = ::recvfrom(socket_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&sender), &length);
    if (got >= 0)
        return std::span<const std::byte>(buffer_).first(static_cast<std::size_t>(got));
    if (errno != EAGAIN && errno != EINTR)
        core::throw_errno("recvfrom", "control socket of the sink");
    return std::nullopt;
}

} // namespace pagewire::dataplane
