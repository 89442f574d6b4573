// SPDX-License-Identifier: BSD-3-Clause
#include "nic/checks/flow.hpp"

#include "core/error.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <limits>
#include <thread>

namespace pagewire::nic {

namespace {

constexpr std::size_t kPieceBytes = std::size_t{64} << 10U;

struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;

    [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address address_of(const Rig::End& end, IpVersion version, std::uint16_t port)
{
    Address address;
    if (version == IpVersion::k4) {
        sockaddr_in ipv4{};
        ipv4.sin_family = AF_INET;
        ipv4.sin_addr.s_addr = end.ipv4;
        ipv4.sin_port = htons(port);
        std::memcpy(&address.storage, &ipv4, sizeof(ipv4));
        address.length = sizeof(ipv4);
    } else {
        sockaddr_in6 ipv6{};
        ipv6.sin6_family = AF_INET6;
        std::copy(end.ipv6.begin(), end.ipv6.end(), std::begin(ipv6.sin6_addr.s6_addr));
        ipv6.sin6_port = htons(port);
        std::memcpy(&address.storage, &ipv6, sizeof(ipv6));
        address.length = sizeof(ipv6);
    }
    return address;
}

/// Bound to the end's own address, any port, and to its interface: no route of the host's takes
/// the traffic elsewhere.
void set_patience(int socket, std::chrono::seconds patience)
{
    const timeval longest{.tv_sec = patience.count(), .tv_usec = 0};
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
        core::checked(::setsockopt(socket, SOL_SOCKET, option, &longest, sizeof(longest)),
                      "setsockopt", "timeouts");
}

core::UniqueFd open_bound(const Rig::End& end, IpVersion version, int type,
                          std::chrono::seconds patience = std::chrono::seconds(5))
{
    const NetNamespace::Visit visit(end.netns);
    const int family = version == IpVersion::k4 ? AF_INET : AF_INET6;
    core::UniqueFd fd(core::checked(::socket(family, type | SOCK_CLOEXEC, 0), "socket"));
    set_patience(fd.get(), patience);
    core::checked(::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, end.interface.c_str(),
                               static_cast<socklen_t>(end.interface.size())),
                  "setsockopt SO_BINDTODEVICE", end.interface);
    Address address = address_of(end, version, 0);
    core::checked(::bind(fd.get(), address.get(), address.length), "bind", end.interface);
    return fd;
}

std::uint16_t port_of(int fd)
{
    Address address;
    address.length = sizeof(address.storage);
    core::checked(::getsockname(fd, address.get(), &address.length), "getsockname");
    return address.storage.ss_family == AF_INET
               ? ntohs(reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_port)
               : ntohs(reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_port);
}

void connect_to(int fd, const Rig::End& end, IpVersion version, std::uint16_t port)
{
    Address address = address_of(end, version, port);
    core::checked(::connect(fd, address.get(), address.length), "connect", end.interface);
}

/// 8 octets of the pattern: splitmix64 of their place.
std::uint64_t pattern_word(std::uint64_t index)
{
    std::uint64_t z = (index + 1) * 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
}

/// Until all is sent, or `enough` says so.
void send_pattern(int socket, std::uint64_t bytes, const std::function<bool()>& enough,
                  StreamReport& report)
{
    std::vector<std::byte> piece(kPieceBytes);
    while (report.bytes_sent < bytes && !enough()) {
        const auto length = static_cast<std::size_t>(
            std::min<std::uint64_t>(piece.size(), bytes - report.bytes_sent));
        fill_pattern(std::span(piece).first(length), report.bytes_sent);
        const ssize_t count = ::send(socket, piece.data(), length, MSG_NOSIGNAL);
        if (count < 0) {
            report.trouble =
                fmt::format("send after {} octets: {}", report.bytes_sent, core::errno_text(errno));
            break;
        }
        report.bytes_sent += static_cast<std::uint64_t>(count);
    }
    (void)::shutdown(socket, SHUT_WR); // a broken connection has ended anyway
}

StreamReport stream(TcpPair& pair, std::uint64_t bytes, const std::function<bool()>& enough,
                    const std::function<void(const std::function<bool()>&)>& meanwhile)
{
    StreamReport sent;
    StreamReport received;
    std::atomic<bool> flowing{true};
    std::thread receiver([&] {
        receive_pattern(pair.far(), received);
        flowing.store(false);
    });
    std::thread sender([&] { send_pattern(pair.near(), bytes, enough, sent); });
    meanwhile([&] { return flowing.load(); });
    sender.join();
    receiver.join();
    received.bytes_sent = sent.bytes_sent;
    if (!sent.trouble.empty())
        received.trouble = sent.trouble;
    received.retransmissions = pair.retransmissions();
    return received;
}

} // namespace

void fill_pattern(std::span<std::byte> out, std::uint64_t offset)
{
    for (std::size_t i = 0; i < out.size();) {
        const std::uint64_t place = offset + i;
        const std::uint64_t word = pattern_word(place / sizeof(std::uint64_t));
        const std::size_t skip = place % sizeof(word);
        const std::size_t length = std::min(sizeof(word) - skip, out.size() - i);
        std::memcpy(out.data() + i, reinterpret_cast<const std::byte*>(&word) + skip, length);
        i += length;
    }
}

std::optional<std::uint64_t> find_mismatch(std::span<const std::byte> octets, std::uint64_t offset)
{
    std::vector<std::byte> expected(octets.size());
    fill_pattern(expected, offset);
    const auto [got, wanted] = std::mismatch(octets.begin(), octets.end(), expected.begin());
    if (got == octets.end())
        return std::nullopt;
    return offset + static_cast<std::uint64_t>(got - octets.begin());
}

void receive_pattern(int socket, StreamReport& report)
{
    std::vector<std::byte> piece(kPieceBytes);
    for (;;) {
        const ssize_t count = ::recv(socket, piece.data(), piece.size(), 0);
        if (count == 0)
            return;
        if (count < 0) {
            report.trouble = fmt::format("recv after {} octets: {}", report.bytes_received,
                                         core::errno_text(errno));
            return;
        }
        const auto octets = std::span(piece).first(static_cast<std::size_t>(count));
        if (!report.first_wrong)
            report.first_wrong = find_mismatch(octets, report.bytes_received);
        report.bytes_received += octets.size();
    }
}

TcpPair::TcpPair(const Rig& rig, IpVersion version, std::chrono::seconds patience)
{
    const core::UniqueFd listener = open_bound(rig.far, version, SOCK_STREAM, patience);
    core::checked(::listen(listener.get(), 1), "listen", rig.far.interface);
    port_ = port_of(listener.get());
    near_ = open_bound(rig.near, version, SOCK_STREAM, patience);
    connect_to(near_.get(), rig.far, version, port_);
    far_ = core::UniqueFd(
        core::checked(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
    set_patience(far_.get(), patience);
}

std::uint32_t TcpPair::retransmissions() const
{
    tcp_info info{};
    socklen_t length = sizeof(info);
    core::checked(::getsockopt(near_.get(), IPPROTO_TCP, TCP_INFO, &info, &length), "getsockopt",
                  "TCP_INFO");
    return info.tcpi_total_retrans;
}

StreamReport send_stream(TcpPair& pair, std::uint64_t bytes)
{
    return stream(
        pair, bytes, [] { return false; }, [](const auto&) {});
}

StreamReport stream_beside(TcpPair& pair,
                           const std::function<void(const std::function<bool()>&)>& meanwhile)
{
    std::atomic<bool> over{false};
    std::exception_ptr failure;
    StreamReport report = stream(
        pair, std::numeric_limits<std::uint64_t>::max(), [&] { return over.load(); },
        [&](const std::function<bool()>& flowing) {
            try {
                meanwhile(flowing);
            } catch (...) { // once the threads have ended
                failure = std::current_exception();
            }
            over.store(true);
        });
    if (failure)
        std::rethrow_exception(failure);
    return report;
}

std::string describe(const StreamReport& report)
{
    const std::string state = report.first_wrong
                                  ? fmt::format("wrong from octet {} on", *report.first_wrong)
                                  : "all as sent";
    return fmt::format("{} octets, {}, {} retransmitted packets{}{}", report.bytes_received, state,
                       report.retransmissions, report.trouble.empty() ? "" : "; ", report.trouble);
}

UdpPair::UdpPair(const Rig& rig, IpVersion version)
    : near_(open_bound(rig.near, version, SOCK_DGRAM)),
      far_(open_bound(rig.far, version, SOCK_DGRAM)),
      port_(port_of(far_.get())),
      near_port_(port_of(near_.get()))
{
    constexpr int room = 32 << 20;
    core::checked(::setsockopt(far_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)),
                  "setsockopt", "SO_RCVBUFFORCE");
    // The MTU is the checks' affair: no datagram is cut into fragments behind their back.
    if (version == IpVersion::k4) {
        const int discover = IP_PMTUDISC_DO;
        core::checked(
            ::setsockopt(near_.get(), IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof(discover)),
            "setsockopt", "IP_MTU_DISCOVER");
    } else {
        const int on = 1;
        core::checked(::setsockopt(near_.get(), IPPROTO_IPV6, IPV6_DONTFRAG, &on, sizeof(on)),
                      "setsockopt", "IPV6_DONTFRAG");
    }
    connect_to(near_.get(), rig.far, version, port_);
    connect_to(far_.get(), rig.near, version, near_port_);
}

int UdpPair::send(std::span<const std::byte> octets, std::uint16_t segment_bytes)
{
    const int segment = segment_bytes;
    core::checked(::setsockopt(near_.get(), IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)),
                  "setsockopt", "UDP_SEGMENT");
    return ::send(near_.get(), octets.data(), octets.size(), MSG_NOSIGNAL) < 0 ? errno : 0;
}

std::optional<Datagram> UdpPair::receive(std::chrono::milliseconds longest)
{
    pollfd waiting{.fd = far_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, static_cast<int>(longest.count())) <= 0)
        return std::nullopt;
    Datagram datagram;
    datagram.octets.resize(std::size_t{1} << 16U);
    alignas(cmsghdr) std::array<char, 128> control{};
    iovec part{.iov_base = datagram.octets.data(), .iov_len = datagram.octets.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t count = ::recvmsg(far_.get(), &message, MSG_DONTWAIT);
    if (count < 0)
        return std::nullopt;
    datagram.octets.resize(static_cast<std::size_t>(count));
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int bytes = 0;
            std::memcpy(&bytes, CMSG_DATA(c), sizeof(bytes));
            datagram.segment_bytes = static_cast<std::uint16_t>(bytes);
        }
    }
    return datagram;
}

} // namespace pagewire::nic
