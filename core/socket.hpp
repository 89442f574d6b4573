// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

/// IPv4 sockets with errors that name the address. Addresses in network byte order, ports in host
/// byte order.
namespace pagewire::core {

struct SocketAddress {
    std::uint32_t ipv4 = 0;
    std::uint16_t port = 0;
};

[[nodiscard]] std::string format_address(SocketAddress address);

/// "192.0.2.1:9400". Throws UsageError that quotes the text.
[[nodiscard]] SocketAddress parse_address(const std::string& text);

/// `type`: SOCK_STREAM or SOCK_DGRAM.
[[nodiscard]] UniqueFd open_socket(int type);
void bind_socket(int fd, std::uint32_t ipv4, std::uint16_t port);

/// `interrupted` is called after each EINTR, and each time that SO_SNDTIMEO is over
/// (set_socket_timeouts()), and throws to give up; without it, both are errors.
void connect_socket(int fd, std::uint32_t ipv4, std::uint16_t port,
                    const std::function<void()>& interrupted = {});

[[nodiscard]] SocketAddress local_address(int fd);

/// TCP_NODELAY, tcp(7): no segment waits for the acknowledgement of another. Set, and as the kernel
/// has it.
void set_no_delay(int fd);
[[nodiscard]] bool has_no_delay(int fd);

/// SO_RCVTIMEO and SO_SNDTIMEO: no call on the socket blocks longer.
void set_socket_timeouts(int fd, std::chrono::milliseconds longest);

} // namespace pagewire::core
