// SPDX-License-Identifier: BSD-3-Clause
#include "nic/checks/raw_frame.hpp"

#include "core/checksum.hpp"
#include "core/error.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace pagewire::nic {

namespace {

constexpr std::size_t kIpv4Bytes = 20;
constexpr std::size_t kIpv6Bytes = 40;
constexpr std::size_t kTcpBytes = 20;
constexpr std::size_t kUdpBytes = 8;
constexpr std::uint8_t kHopLimit = 64;
constexpr std::size_t kLengthMax = 65535; // of the fields that tell lengths

class Writer {
  public:
    void put8(std::uint8_t value) { octets_.push_back(std::byte{value}); }

    void put16(std::uint16_t value)
    {
        put8(static_cast<std::uint8_t>(value >> 8U));
        put8(static_cast<std::uint8_t>(value));
    }

    void put32(std::uint32_t value)
    {
        put16(static_cast<std::uint16_t>(value >> 16U));
        put16(static_cast<std::uint16_t>(value));
    }

    template<typename Octets>
    void put(const Octets& octets)
    {
        const auto bytes = std::as_bytes(std::span(octets));
        octets_.insert(octets_.end(), bytes.begin(), bytes.end());
    }

    void set16(std::size_t at, std::uint16_t value)
    {
        octets_[at] = std::byte{static_cast<std::uint8_t>(value >> 8U)};
        octets_[at + 1] = std::byte{static_cast<std::uint8_t>(value)};
    }

    [[nodiscard]] std::vector<std::byte>& octets() { return octets_; }

  private:
    std::vector<std::byte> octets_;
};

std::size_t transport_bytes(const FrameConfig& config)
{
    return config.protocol == IPPROTO_TCP ? kTcpBytes : kUdpBytes;
}

void put_ipv4(Writer& out, const Rig& rig, const FrameConfig& config, std::size_t bytes)
{
    constexpr std::uint8_t version_and_length = 0x45;
    constexpr std::uint16_t dont_fragment = 0x4000;
    constexpr std::size_t checksum_at = ETH_HLEN + 10;
    out.put8(version_and_length);
    out.put8(0);
    out.put16(static_cast<std::uint16_t>(kIpv4Bytes + bytes));
    out.put16(0); // RFC 6864: no id where nothing may be cut
    out.put16(dont_fragment);
    out.put8(kHopLimit);
    out.put8(config.protocol);
    out.put16(0);
    out.put32(ntohl(rig.near.ipv4));
    out.put32(ntohl(rig.far.ipv4));
    out.set16(checksum_at, core::checksum_finish(core::checksum_add(
                               0, std::span(out.octets()).subspan(ETH_HLEN, kIpv4Bytes))));
}

void put_ipv6(Writer& out, const Rig& rig, const FrameConfig& config, std::size_t bytes)
{
    constexpr std::uint32_t version = 0x60000000;
    out.put32(version);
    out.put16(static_cast<std::uint16_t>(bytes));
    out.put8(config.protocol);
    out.put8(kHopLimit);
    out.put(rig.near.ipv6);
    out.put(rig.far.ipv6);
}

void put_transport(Writer& out, const FrameConfig& config, std::size_t payload_bytes)
{
    out.put16(config.source_port);
    out.put16(config.destination_port);
    if (config.protocol == IPPROTO_TCP) {
        constexpr std::uint16_t header_words_and_ack = 0x5010;
        constexpr std::uint16_t window = 1024;
        out.put32(1);
        out.put32(1);
        out.put16(header_words_and_ack);
        out.put16(window);
        out.put16(0); // checksum
        out.put16(0);
    } else {
        out.put16(static_cast<std::uint16_t>(kUdpBytes + payload_bytes));
        out.put16(0); // checksum
    }
}

void put_checksum(Writer& out, const FrameConfig& config)
{
    const auto packet = parse_packet(out.octets());
    const std::size_t at = packet->transport_at + (config.protocol == IPPROTO_TCP ? 16 : 6);
    const std::uint16_t pseudo = pseudo_header_sum(*packet);
    if (config.checksum == FrameChecksum::kPending) {
        out.set16(at, pseudo);
        return;
    }
    core::OnesComplementSum sum;
    sum.add(packet->transport);
    const std::uint16_t checksum = core::checksum_finish(std::uint32_t{pseudo} + sum.folded());
    out.set16(at, checksum == 0 ? std::uint16_t{0xffff} : checksum); // RFC 768: 0 says none
    if (config.checksum == FrameChecksum::kWrong)
        out.octets().back() ^= std::byte{1};
}

} // namespace

std::size_t frame_header_bytes(const FrameConfig& config)
{
    return ETH_HLEN + (config.version == IpVersion::k4 ? kIpv4Bytes : kIpv6Bytes) +
           transport_bytes(config);
}

std::vector<std::byte> make_frame(const Rig& rig, const FrameConfig& config,
                                  std::span<const std::byte> payload)
{
    const std::size_t packet_bytes = (config.version == IpVersion::k4 ? kIpv4Bytes : 0) +
                                     transport_bytes(config) + payload.size();
    if (packet_bytes > kLengthMax)
        throw core::TransferError(
            fmt::format("no IP packet has {} octets of payload", payload.size()));
    Writer out;
    out.put(rig.far.facts.mac);
    out.put(rig.near.facts.mac);
    const std::size_t bytes = transport_bytes(config) + payload.size();
    if (config.version == IpVersion::k4) {
        out.put16(ETH_P_IP);
        put_ipv4(out, rig, config, bytes);
    } else {
        out.put16(ETH_P_IPV6);
        put_ipv6(out, rig, config, bytes);
    }
    put_transport(out, config, payload.size());
    out.put(payload);
    put_checksum(out, config);
    return std::move(out.octets());
}

RawSender::RawSender(const Rig::End& end)
{
    const NetNamespace::Visit visit(end.netns);
    fd_ = core::UniqueFd(
        core::checked(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "socket", "AF_PACKET"));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(end.facts.index);
    core::checked(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
                  "bind AF_PACKET", end.interface);
}

int RawSender::send(std::span<const std::byte> frame) noexcept
{
    return ::send(fd_.get(), frame.data(), frame.size(), 0) < 0 ? errno : 0;
}

} // namespace pagewire::nic
