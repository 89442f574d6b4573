// SPDX-License-Identifier: BSD-3-Clause
#include "nic/checks/capture.hpp"

#include "core/error.hpp"
#include "nic/checks/vnet_header.hpp"
#include "nic/link.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace pagewire::nic {

namespace {

constexpr std::size_t kFrameRoom = std::size_t{256} << 10U; // a GSO frame, with headers
constexpr int kSocketRoom = 256 << 20;
/// Where other traffic never lets the interface be quiet.
constexpr std::chrono::seconds kLongestTake{3};

void set_option(int fd, int level, int option, int value, const char* name)
{
    core::checked(::setsockopt(fd, level, option, &value, sizeof(value)), "setsockopt", name);
}

/// What PACKET_AUXDATA adds.
void note_auxdata(Frame& frame, const tpacket_auxdata& data)
{
    constexpr std::uint16_t id_mask = 0xfff;
    if ((data.tp_status & TP_STATUS_VLAN_VALID) != 0)
        frame.vlan_id = data.tp_vlan_tci & id_mask;
    frame.checksum_pending =
        frame.checksum_pending || (data.tp_status & TP_STATUS_CSUMNOTREADY) != 0;
    frame.checksum_verified =
        frame.checksum_verified || (data.tp_status & TP_STATUS_CSUM_VALID) != 0;
}

void note_offloads(Frame& frame, const VnetHeader& header)
{
    if (header.gso_type != kVnetGsoNone)
        frame.segment_bytes = header.gso_size;
    frame.checksum_pending = (header.flags & kVnetNeedsChecksum) != 0;
    frame.checksum_verified = (header.flags & kVnetDataValid) != 0;
}

} // namespace

CapturedPacket::CapturedPacket(Frame captured, const Packet& parsed)
    : frame(std::move(captured)),
      packet(parsed)
{}

Capture::Capture(const NetNamespace& netns, const std::string& interface)
    : interface_(interface),
      buffer_(kFrameRoom)
{
    const LinkFacts facts = link_facts(netns, interface);
    const NetNamespace::Visit visit(netns);
    // Of no protocol until it is bound: nothing of other interfaces comes in.
    fd_ = core::UniqueFd(
        core::checked(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "socket", "AF_PACKET"));
    set_option(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, kSocketRoom, "SO_RCVBUFFORCE");
    set_option(fd_.get(), SOL_PACKET, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR");
    set_option(fd_.get(), SOL_PACKET, PACKET_AUXDATA, 1, "PACKET_AUXDATA");
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(facts.index);
    core::checked(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
                  "bind AF_PACKET", interface);
}

bool Capture::receive(Frame& frame)
{
    VnetHeader offloads;
    std::array<iovec, 2> parts{{{.iov_base = &offloads, .iov_len = sizeof(offloads)},
                                {.iov_base = buffer_.data(), .iov_len = buffer_.size()}}};
    alignas(cmsghdr) std::array<char, 256> control{};
    sockaddr_ll from{};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof(from);
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t count = ::recvmsg(fd_.get(), &message, MSG_DONTWAIT);
    if (count < 0) {
        // ENETDOWN is told once when the interface was taken down: what comes after it is captured.
        if (errno == EAGAIN || errno == EINTR || errno == ENETDOWN)
            return false;
        core::throw_errno("recvmsg AF_PACKET", interface_);
    }
    if (static_cast<std::size_t>(count) < sizeof(offloads))
        return false;
    frame = {};
    frame.octets.assign(buffer_.begin(),
                        buffer_.begin() + (count - static_cast<ssize_t>(sizeof(offloads))));
    frame.outgoing = from.sll_pkttype == PACKET_OUTGOING;
    note_offloads(frame, offloads);
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_PACKET || part->cmsg_type != PACKET_AUXDATA)
            continue;
        tpacket_auxdata data{};
        std::memcpy(&data, CMSG_DATA(part), sizeof(data));
        note_auxdata(frame, data);
    }
    return true;
}

void Capture::refuse_losses()
{
    tpacket_stats statistics{};
    socklen_t length = sizeof(statistics);
    core::checked(::getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &length),
                  "getsockopt", "PACKET_STATISTICS");
    if (statistics.tp_drops > 0)
        throw core::TransferError(fmt::format(
            "the capture on {} had no room for {} of {} frames: is there other traffic on it?",
            interface_, statistics.tp_drops, statistics.tp_packets));
}

std::vector<CapturedPacket> Capture::take(const Wanted& wanted, std::chrono::milliseconds quiet,
                                          std::size_t num_expected)
{
    const auto limit = std::chrono::steady_clock::now() + kLongestTake;
    std::vector<CapturedPacket> packets;
    Frame frame;
    while (std::chrono::steady_clock::now() < limit) {
        while (receive(frame)) {
            const auto packet = parse_packet(frame.octets);
            if (packet && wanted(frame, *packet))
                packets.emplace_back(std::move(frame), *packet);
        }
        pollfd waiting{.fd = fd_.get(), .events = POLLIN, .revents = 0};
        const auto longest = packets.size() < num_expected ? kArrival : quiet;
        if (::poll(&waiting, 1, static_cast<int>(longest.count())) == 0)
            break;
    }
    refuse_losses();
    return packets;
}

Capture::Wanted packets_of(std::uint8_t protocol, std::uint16_t port, bool outgoing)
{
    return [=](const Frame& frame, const Packet& packet) {
        return frame.outgoing == outgoing && packet.protocol == protocol &&
               (packet.source_port == port || packet.destination_port == port);
    };
}

} // namespace pagewire::nic
