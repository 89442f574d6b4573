// SPDX-License-Identifier: BSD-3-Clause
#include "core/socket.hpp"

#include "core/error.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <charconv>

namespace pagewire::core {

namespace {

sockaddr_in to_sockaddr(SocketAddress address)
{
    sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_addr.s_addr = address.ipv4;
    result.sin_port = htons(address.port);
    return result;
}

} // namespace

std::string format_address(SocketAddress address)
{
    std::array<char, INET_ADDRSTRLEN> text{};
    ::inet_ntop(AF_INET, &address.ipv4, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), address.port);
}

SocketAddress parse_address(const std::string& text)
{
    const auto colon = text.rfind(':');
    SocketAddress result;
    if (colon != std::string::npos) {
        const char* end = text.data() + text.size();
        const auto [rest, status] = std::from_chars(text.data() + colon + 1, end, result.port);
        if (status == std::errc{} && rest == end &&
            ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &result.ipv4) == 1)
            return result;
    }
    throw UsageError(
        fmt::format("'{}' is not an IPv4 address with a port: write it as 192.0.2.1:9400", text));
}

UniqueFd open_socket(int type)
{
    return UniqueFd(checked(::socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket"));
}

void bind_socket(int fd, std::uint32_t ipv4, std::uint16_t port)
{
    const sockaddr_in address = to_sockaddr({.ipv4 = ipv4, .port = port});
    checked(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), "bind",
            format_address({.ipv4 = ipv4, .port = port}));
}

void connect_socket(int fd, std::uint32_t ipv4, std::uint16_t port,
                    const std::function<void()>& interrupted)
{
    const sockaddr_in address = to_sockaddr({.ipv4 = ipv4, .port = port});
    int status = 0;
    // A connect that a signal, a tracer or the time for a call ends goes on by itself: called
    // again, Linux waits on, and says EALREADY where that time is over once more.
    while ((status = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address))) <
               0 &&
           (errno == EINTR || errno == EINPROGRESS || errno == EALREADY) && interrupted)
        interrupted();
    checked(status, "connect", format_address({.ipv4 = ipv4, .port = port}));
}

SocketAddress local_address(int fd)
{
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    checked(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
    return {.ipv4 = address.sin_addr.s_addr, .port = ntohs(address.sin_port)};
}

void set_no_delay(int fd)
{
    const int on = 1;
    checked(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), "setsockopt",
            "TCP_NODELAY");
}

bool has_no_delay(int fd)
{
    int on = 0;
    socklen_t bytes = sizeof(on);
    checked(::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &bytes), "getsockopt", "TCP_NODELAY");
    return on != 0;
}

void set_socket_timeouts(int fd, std::chrono::milliseconds longest)
{
    const timeval time{.tv_sec = longest.count() / 1000, .tv_usec = longest.count() % 1000 * 1000};
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
        checked(::setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time)), "setsockopt",
                "socket time-out");
}

} // namespace pagewire::core
