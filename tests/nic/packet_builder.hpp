// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/checks/capture.hpp"
#include "nic/checks/packet.hpp"
#include "tests/nic/wire_frames.hpp"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

/// Frames for tests: what matters named, the rest as on any link, the checksums right.
namespace pagewire::nic {

inline constexpr std::uint8_t kAck = 0x10;
inline constexpr std::uint8_t kPush = 0x08;
inline constexpr std::uint8_t kFin = 0x01;

struct PacketSpec {
    IpVersion version = IpVersion::k4;
    std::uint8_t protocol = IPPROTO_TCP;
    std::vector<std::uint16_t>
        vlan_ids{}; ///< outermost first, which is 802.1ad's where there are two
    std::uint16_t ip_id = 0;
    std::uint16_t ip_fragment = 0x4000; ///< flags and offset; DF
    std::size_t ip_option_words = 0;    ///< of 4 octets
    std::uint16_t source_port = 40000;
    std::uint16_t destination_port = 5001;
    std::uint32_t sequence = 1000;
    std::uint8_t flags = kAck;
    std::size_t tcp_option_words = 0; ///< of 4 octets
    std::size_t payload_bytes = 0;
    std::size_t payload_from =
        0; ///< place of the first octet in the stream of octets 0, 1, ... 250, 0
    std::size_t padding_bytes = 0;
};

class FrameWriter {
  public:
    FrameWriter& put8(unsigned value)
    {
        octets_.push_back(std::byte{static_cast<std::uint8_t>(value)});
        return *this;
    }

    FrameWriter& put16(unsigned value) { return put8(value >> 8U).put8(value & 0xffU); }

    FrameWriter& put32(std::uint32_t value) { return put16(value >> 16U).put16(value & 0xffffU); }

    FrameWriter& fill(std::size_t count, unsigned value)
    {
        octets_.insert(octets_.end(), count, std::byte{static_cast<std::uint8_t>(value)});
        return *this;
    }

    [[nodiscard]] Octets take() { return std::move(octets_); }

  private:
    Octets octets_;
};

inline void put_ethernet(FrameWriter& out, const PacketSpec& spec)
{
    out.put16(0x0200).put32(2).put16(0x0200).put32(1);
    for (std::size_t i = 0; i < spec.vlan_ids.size(); ++i)
        out.put16(i + 1 < spec.vlan_ids.size() ? ETH_P_8021AD : ETH_P_8021Q)
            .put16(spec.vlan_ids[i]);
    out.put16(spec.version == IpVersion::k4 ? ETH_P_IP : ETH_P_IPV6);
}

inline void put_network(FrameWriter& out, const PacketSpec& spec, std::size_t transport_bytes)
{
    if (spec.version == IpVersion::k4) {
        const std::size_t header_words = 5 + spec.ip_option_words;
        out.put8(static_cast<unsigned>(0x40 + header_words)).put8(0);
        out.put16(static_cast<unsigned>(header_words * 4 + transport_bytes));
        out.put16(spec.ip_id).put16(spec.ip_fragment).put8(64).put8(spec.protocol).put16(0);
        out.put32(0xc6120001).put32(0xc6120002);
        out.fill(spec.ip_option_words * 4, 1); // no operation (RFC 791 §3.1)
    } else {
        out.put32(0x60000000).put16(static_cast<unsigned>(transport_bytes));
        out.put8(spec.protocol).put8(64);
        out.put32(0x20010002).fill(11, 0).put8(1);
        out.put32(0x20010002).fill(11, 0).put8(2);
    }
}

[[nodiscard]] inline Octets build(const PacketSpec& spec)
{
    const bool tcp = spec.protocol == IPPROTO_TCP;
    const std::size_t header_bytes = tcp ? 20 + spec.tcp_option_words * 4 : 8;
    const std::size_t transport_bytes = header_bytes + spec.payload_bytes;
    FrameWriter out;
    put_ethernet(out, spec);
    put_network(out, spec, transport_bytes);
    out.put16(spec.source_port).put16(spec.destination_port);
    if (tcp) {
        out.put32(spec.sequence).put32(1);
        out.put8(static_cast<unsigned>(header_bytes / 4 << 4U)).put8(spec.flags).put16(1024);
        out.put16(0).put16(0).fill(spec.tcp_option_words * 4, 1);
    } else {
        out.put16(static_cast<unsigned>(transport_bytes)).put16(0);
    }
    for (std::size_t i = 0; i < spec.payload_bytes; ++i)
        out.put8(static_cast<unsigned>((spec.payload_from + i) % 251));
    Octets frame = out.take();
    finish_checksums(frame);
    frame.resize(frame.size() + spec.padding_bytes);
    return frame;
}

/// As a tap shows it; with `segment_bytes` a large send.
[[nodiscard]] inline CapturedPacket captured(Octets octets, std::uint16_t segment_bytes = 0)
{
    Frame frame;
    frame.octets = std::move(octets);
    frame.segment_bytes = segment_bytes;
    const auto packet = parse_packet(frame.octets);
    return {std::move(frame), packet.value()};
}

} // namespace pagewire::nic
