// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/vhost_packet.hpp"

#include "core/checksum.hpp"
#include "dataplane/packet_header.hpp"

#include <endian.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace pagewire::dataplane {

namespace {

constexpr std::size_t kAddressesAt = kEthernetBytes + 12; // RFC 791: source and destination
constexpr std::size_t kAddressesBytes = 8;
constexpr std::size_t kUdpAt = kEthernetBytes + kIpv4Bytes;
constexpr std::size_t kDatagramAt = kUdpAt + kUdpBytes;
/// virtio_net_hdr (virtio 1.1 §5.1.6): flags, gso_type, hdr_len, gso_size, csum_start, csum_offset;
/// little-endian.
constexpr std::uint8_t kVirtioNeedsCsum = 1;
constexpr std::size_t kVirtioCsumStartAt = 6;
constexpr std::size_t kVirtioCsumOffsetAt = 8;
constexpr std::size_t kVirtioChecksumBytes = 10;

std::uint16_t word_at(std::span<const std::byte> octets, std::size_t at)
{
    std::uint16_t word = 0;
    std::memcpy(&word, octets.data() + at, sizeof(word));
    return be16toh(word);
}

/// What of a packet a kernel would look at before it takes it for a UDP datagram.
bool is_plain_udp(std::span<const std::byte> front)
{
    constexpr std::byte version_and_length{0x45}; // IPv4, five words
    return word_at(front, kEthernetBytes - 2) == 0x0800 &&
           front[kEthernetBytes] == version_and_length &&
           front[kEthernetBytes + 9] == std::byte{IPPROTO_UDP};
}

} // namespace

VhostPacket::VhostPacket(const DescriptorChain& chain, std::size_t skip)
    : segments_(chain.segments),
      payload_at_(skip + kPacketHeaderBytes)
{
    static_assert(kPacketHeaderBytes <= kFrontBytes);
    std::size_t at = 0;
    for (const ChainSegment& segment : segments_) {
        const std::size_t skipped = skip > at ? std::min(skip - at, segment.bytes.size()) : 0;
        const auto octets = segment.bytes.subspan(skipped);
        at += segment.bytes.size();
        if (octets.empty())
            continue;
        const std::size_t room = bytes_ < kPacketHeaderBytes ? kPacketHeaderBytes - bytes_ : 0;
        const auto copied = octets.first(std::min(room, octets.size()));
        std::copy(copied.begin(), copied.end(),
                  front_.begin() +
                      static_cast<std::ptrdiff_t>(std::min<std::size_t>(bytes_, kFrontBytes)));
        bytes_ += octets.size();
        ++num_segments_;
    }
    read_virtio_header(skip);
    const auto front = std::span<const std::byte>(front_).first(kPacketHeaderBytes);
    if (bytes_ < kPacketHeaderBytes || !is_plain_udp(front))
        return;
    const std::uint16_t udp_bytes = word_at(front, kUdpAt + 4);
    if (udp_bytes < kUdpBytes || kUdpAt + udp_bytes > bytes_)
        return;
    header_ = core::decode_flow_header(front.subspan(kDatagramAt), udp_bytes - kUdpBytes);
}

void VhostPacket::read_virtio_header(std::size_t skip) noexcept
{
    std::array<std::byte, kVirtioChecksumBytes> octets{};
    std::size_t have = 0;
    for (const ChainSegment& segment : segments_) {
        const auto piece = segment.bytes.first(
            std::min({segment.bytes.size(), octets.size() - have, std::max(skip, have) - have}));
        std::copy(piece.begin(), piece.end(), octets.begin() + static_cast<std::ptrdiff_t>(have));
        have += piece.size();
    }
    const auto word = [&](std::size_t at) {
        std::uint16_t value = 0;
        std::memcpy(&value, octets.data() + at, sizeof(value));
        return le16toh(value);
    };
    leaves_checksum_ = (octets[0] & std::byte{kVirtioNeedsCsum}) != std::byte{0};
    checksum_place_is_right_ =
        word(kVirtioCsumStartAt) == kUdpAt && word(kVirtioCsumOffsetAt) == kChecksumOffset;
}

template<typename Take>
void VhostPacket::for_each_payload(Take take) const
{
    std::size_t skip = payload_at_;
    std::size_t left = header_ ? header_->length : 0;
    for (const ChainSegment& segment : segments_) {
        const std::size_t skipped = std::min(skip, segment.bytes.size());
        skip -= skipped;
        const std::size_t count = std::min(left, segment.bytes.size() - skipped);
        left -= count;
        if (count > 0)
            take(segment.guest_addr + skipped, segment.bytes.subspan(skipped, count));
    }
}

bool VhostPacket::checksum_is_right() const noexcept
{
    const auto front = std::span<const std::byte>(front_).first(kPacketHeaderBytes);
    if (!leaves_checksum_ && word_at(front, kUdpAt + kChecksumOffset) == 0)
        return true;
    // RFC 768: a pseudo header of addresses, protocol and length, then the datagram.
    core::OnesComplementSum sum;
    sum.add(front.subspan(kAddressesAt, kAddressesBytes));
    sum.add(std::array{std::byte{0}, std::byte{IPPROTO_UDP}});
    sum.add(front.subspan(kUdpAt + 4, 2));
    if (leaves_checksum_)
        return checksum_place_is_right_ && sum.folded() == word_at(front, kUdpAt + kChecksumOffset);
    sum.add(front.subspan(kUdpAt));
    for_each_payload([&](std::uint64_t, std::span<const std::byte> octets) { sum.add(octets); });
    return sum.folded() == 0xFFFF;
}

std::uint64_t VhostPacket::payload_bytes_in(const AddressRange& range) const noexcept
{
    std::uint64_t inside = 0;
    for_each_payload([&](std::uint64_t addr, std::span<const std::byte> octets) {
        inside += range.holds(addr, octets.size()) ? octets.size() : 0;
    });
    return inside;
}

void VhostPacket::verify(core::BlockVerifier& verifier) const
{
    std::uint64_t offset = header_->offset;
    for_each_payload([&](std::uint64_t, std::span<const std::byte> octets) {
        verifier.add(offset, octets);
        offset += octets.size();
    });
}

void VhostPacket::copy_payload(std::span<std::byte> out) const noexcept
{
    for_each_payload([&](std::uint64_t, std::span<const std::byte> octets) {
        const auto piece = octets.first(std::min(octets.size(), out.size()));
        std::memcpy(out.data(), piece.data(), piece.size());
        out = out.subspan(piece.size());
    });
}

} // namespace pagewire::dataplane
