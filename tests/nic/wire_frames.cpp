// SPDX-License-Identifier: BSD-3-Clause
#include "tests/nic/wire_frames.hpp"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <numeric>

namespace pagewire::nic {

namespace {

constexpr std::size_t kUdpBytes = 8;
constexpr std::size_t kTcpBytes = 20;
constexpr std::size_t kIpv4Bytes = 20;
constexpr std::size_t kIpv6Bytes = 40;
constexpr std::size_t kTcpFlagsAt = 13;
constexpr std::uint8_t kFin = 0x01;
constexpr std::uint8_t kPush = 0x08;
constexpr std::uint8_t kCongestionWindowReduced = 0x80;

/// RFC 1071, the slow way: words in network order, an odd octet is the high one of the last.
std::uint16_t checksum_of(std::uint64_t sum, std::span<const std::byte> octets)
{
    for (std::size_t i = 0; i < octets.size(); ++i)
        sum += std::to_integer<std::uint64_t>(octets[i]) << (i % 2 == 0 ? 8U : 0U);
    while (sum >> 16U != 0)
        sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

std::uint16_t transport_checksum(std::span<const std::byte> frame, const HeaderPlaces& at)
{
    const std::size_t addresses_at = at.network + (at.v4 ? 12 : 8);
    const std::size_t addresses_bytes = at.v4 ? 8 : 32;
    std::uint64_t sum = (frame.size() - at.transport) + (at.tcp ? IPPROTO_TCP : IPPROTO_UDP);
    for (std::size_t i = 0; i < addresses_bytes; i += 2)
        sum += get16(frame, addresses_at + i);
    return checksum_of(sum, frame.subspan(at.transport));
}

/// The checksum field holds the pseudo header's sum: the rest is added where the header says.
void finish_pending(std::span<std::byte> frame, const VnetHeader& asked)
{
    const std::size_t field = std::size_t{asked.csum_start} + asked.csum_offset;
    if (field + 2 > frame.size())
        return;
    const std::uint16_t checksum = checksum_of(0, frame.subspan(asked.csum_start));
    put16(frame, field, checksum == 0 ? std::uint16_t{0xffff} : checksum); // RFC 768
}

void set_lengths(std::span<std::byte> frame, const HeaderPlaces& at)
{
    const auto network_bytes = static_cast<std::uint16_t>(frame.size() - at.network);
    if (at.v4)
        put16(frame, at.network + 2, network_bytes);
    else
        put16(frame, at.network + 4, static_cast<std::uint16_t>(network_bytes - kIpv6Bytes));
    if (!at.tcp)
        put16(frame, at.transport + 4, static_cast<std::uint16_t>(frame.size() - at.transport));
}

} // namespace

std::uint16_t get16(std::span<const std::byte> octets, std::size_t at)
{
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(octets[at]) << 8U |
                                      std::to_integer<unsigned>(octets[at + 1]));
}

std::uint32_t get32(std::span<const std::byte> octets, std::size_t at)
{
    return std::uint32_t{get16(octets, at)} << 16U | get16(octets, at + 2);
}

void put16(std::span<std::byte> octets, std::size_t at, std::uint16_t value)
{
    octets[at] = std::byte{static_cast<std::uint8_t>(value >> 8U)};
    octets[at + 1] = std::byte{static_cast<std::uint8_t>(value)};
}

void put32(std::span<std::byte> octets, std::size_t at, std::uint32_t value)
{
    put16(octets, at, static_cast<std::uint16_t>(value >> 16U));
    put16(octets, at + 2, static_cast<std::uint16_t>(value));
}

bool find_headers(std::span<const std::byte> frame, HeaderPlaces& places)
{
    std::size_t type_at = 12;
    while (frame.size() >= type_at + 6 &&
           (get16(frame, type_at) == ETH_P_8021Q || get16(frame, type_at) == ETH_P_8021AD))
        type_at += 4;
    const std::size_t network = type_at + 2;
    if (frame.size() < network + kIpv4Bytes)
        return false;
    const bool v4 = get16(frame, type_at) == ETH_P_IP;
    if (!v4 && (get16(frame, type_at) != ETH_P_IPV6 || frame.size() < network + kIpv6Bytes))
        return false;
    const auto protocol = std::to_integer<std::uint8_t>(frame[network + (v4 ? 9 : 6)]);
    if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
        return false;
    const std::size_t transport =
        network + (v4 ? (std::to_integer<std::size_t>(frame[network]) & 0xfU) * 4 : kIpv6Bytes);
    const bool tcp = protocol == IPPROTO_TCP;
    if (frame.size() < transport + (tcp ? kTcpBytes : kUdpBytes))
        return false;
    places = {.network = network,
              .transport = transport,
              .payload =
                  transport + (tcp ? (std::to_integer<std::size_t>(frame[transport + 12]) >> 4U) * 4
                                   : kUdpBytes),
              .v4 = v4,
              .tcp = tcp};
    return places.payload <= frame.size();
}

void finish_checksums(std::span<std::byte> frame)
{
    HeaderPlaces at;
    if (!find_headers(frame, at))
        return;
    if (at.v4) {
        put16(frame, at.network + 10, 0);
        put16(frame, at.network + 10,
              checksum_of(0, frame.subspan(at.network, at.transport - at.network)));
    }
    const std::size_t field = at.transport + (at.tcp ? 16 : 6);
    put16(frame, field, 0);
    const std::uint16_t checksum = transport_checksum(frame, at);
    put16(frame, field, !at.tcp && checksum == 0 ? std::uint16_t{0xffff} : checksum);
}

std::vector<std::size_t> segment_sizes(std::size_t total, std::size_t segment)
{
    std::vector<std::size_t> sizes(total / segment, segment);
    if (total % segment != 0)
        sizes.push_back(total % segment);
    return sizes;
}

std::vector<Octets> cut_frame(std::span<const std::byte> frame,
                              std::span<const std::size_t> payload_bytes)
{
    HeaderPlaces at;
    if (!find_headers(frame, at))
        return {};
    std::vector<Octets> segments;
    std::size_t offset = 0;
    for (const std::size_t bytes : payload_bytes) {
        const auto index = static_cast<std::uint16_t>(segments.size());
        const bool is_last = index + 1U == payload_bytes.size();
        Octets segment(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(at.payload));
        const auto piece = frame.subspan(at.payload + offset, bytes);
        segment.insert(segment.end(), piece.begin(), piece.end());
        set_lengths(segment, at);
        if (at.v4)
            put16(segment, at.network + 4,
                  static_cast<std::uint16_t>(get16(frame, at.network + 4) + index));
        if (at.tcp) {
            put32(segment, at.transport + 4,
                  get32(frame, at.transport + 4) + static_cast<std::uint32_t>(offset));
            if (!is_last)
                segment[at.transport + kTcpFlagsAt] &=
                    ~std::byte{static_cast<std::uint8_t>(kFin | kPush)};
            if (index > 0)
                segment[at.transport + kTcpFlagsAt] &= ~std::byte{kCongestionWindowReduced};
        }
        finish_checksums(segment);
        segments.push_back(std::move(segment));
        offset += bytes;
    }
    return segments;
}

std::vector<Octets> wire_frames(const VnetHeader& asked, std::span<const std::byte> frame)
{
    if (asked.gso_type != kVnetGsoNone && asked.gso_size > 0) {
        HeaderPlaces at;
        if (!find_headers(frame, at))
            return {};
        return cut_frame(frame, segment_sizes(frame.size() - at.payload, asked.gso_size));
    }
    Octets one(frame.begin(), frame.end());
    if ((asked.flags & kVnetNeedsChecksum) != 0)
        finish_pending(one, asked);
    return {std::move(one)};
}

} // namespace pagewire::nic
