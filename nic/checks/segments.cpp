// SPDX-License-Identifier: BSD-3-Clause
#include "nic/checks/segments.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <set>

namespace pagewire::nic {

namespace {

/// RFC 9293 §3.1: FIN and PSH speak of the end of what is sent.
constexpr std::uint8_t kLastOnlyFlags = TH_FIN | TH_PUSH;

/// What the device was given as packets, what is sent again among it: such a packet has to arrive
/// as it is, though its octets were once part of a large send.
class Singles {
  public:
    void add(const Packet& packet) { known_.insert(key_of(packet)); }

    [[nodiscard]] bool contain(const Packet& packet) const
    {
        return packet.protocol == IPPROTO_TCP && known_.contains(key_of(packet));
    }

  private:
    using Key = std::array<std::uint64_t, 4>;

    static Key key_of(const Packet& packet)
    {
        return {packet.tcp_sequence, packet.payload.size(), packet.ip_id, packet.tcp_flags};
    }

    std::set<Key> known_;
};

/// Where a packet stands in a send: the number of its segment and how many octets that has.
/// Nothing: it is no segment of that send.
struct Place {
    std::uint32_t index = 0;
    bool is_last = false;
};

bool find_place(const CapturedPacket& send, const Packet& packet, Place& place)
{
    if (packet.protocol != IPPROTO_TCP || send.packet.version != packet.version)
        return false;
    const auto length = static_cast<std::uint32_t>(send.packet.payload.size());
    // Sequence numbers run over 32 bits and wrap (RFC 9293 §3.4).
    const std::uint32_t offset = packet.tcp_sequence - send.packet.tcp_sequence;
    const std::uint32_t segment = send.frame.segment_bytes;
    if (offset >= length || offset % segment != 0 ||
        packet.payload.size() != std::min(segment, length - offset))
        return false;
    place = {.index = offset / segment, .is_last = length - offset <= segment};
    return true;
}

/// Whether the packet lies inside of a send that stood for several.
bool is_inside(const CapturedPacket& send, const Packet& packet)
{
    const std::uint32_t offset = packet.tcp_sequence - send.packet.tcp_sequence;
    return offset < send.packet.payload.size();
}

/// What is wrong with a segment at its place; empty: nothing.
std::string segment_trouble(const CapturedPacket& send, const Packet& packet, const Place& place,
                            bool fixed_ids)
{
    if (packet.version == IpVersion::k4) {
        const auto counted = static_cast<std::uint16_t>(send.packet.ip_id + place.index);
        if (packet.ip_id != counted && !(fixed_ids && packet.ip_id == send.packet.ip_id))
            return fmt::format("IPv4 id {} where {} belongs", packet.ip_id, counted);
        if (packet.dont_fragment != send.packet.dont_fragment)
            return "the DF flag is not the send's";
    }
    if (!place.is_last && (packet.tcp_flags & kLastOnlyFlags) != 0)
        return "FIN or PSH on a segment that is not the last";
    if (place.is_last &&
        (packet.tcp_flags & kLastOnlyFlags) != (send.packet.tcp_flags & kLastOnlyFlags))
        return "FIN or PSH of the send is missing on its last segment";
    const auto octets = send.packet.payload.subspan(
        std::size_t{place.index} * send.frame.segment_bytes, packet.payload.size());
    return std::equal(octets.begin(), octets.end(), packet.payload.begin())
               ? std::string()
               : "octets that are not the send's";
}

/// A UDP segment has no number: it must be of the size asked for, all but the last of each send.
std::string udp_trouble(const std::vector<const CapturedPacket*>& sends, const Packet& packet)
{
    const bool fits = std::any_of(sends.begin(), sends.end(), [&](const CapturedPacket* send) {
        const std::size_t segment = send->frame.segment_bytes;
        return packet.payload.size() == segment ||
               packet.payload.size() == send->packet.payload.size() % segment;
    });
    return sends.empty() || fits ? std::string()
                                 : fmt::format("a datagram of {} octets", packet.payload.size());
}

std::string tcp_trouble(const std::vector<const CapturedPacket*>& sends, const Packet& packet,
                        bool fixed_ids)
{
    std::string trouble;
    bool inside_any = false;
    // A part may be sent again, and then as a send of its own: one that fits is enough.
    for (const CapturedPacket* send : sends) {
        Place place;
        if (find_place(*send, packet, place)) {
            trouble = segment_trouble(*send, packet, place, fixed_ids);
            if (trouble.empty())
                return {};
            inside_any = true;
        } else if (is_inside(*send, packet)) {
            inside_any = true;
        }
    }
    if (!inside_any)
        return {}; // given to the device as a packet of its own
    return trouble.empty() ? fmt::format("a segment of {} octets that no send was to be cut into",
                                         packet.payload.size())
                           : trouble;
}

std::string trouble_of(const CapturedPacket& arrived,
                       const std::vector<const CapturedPacket*>& sends, const Singles& singles,
                       const SegmentConfig& config)
{
    const Packet& packet = arrived.packet;
    if (packet.network.size() > config.mtu)
        return fmt::format("an IP packet of {} octets on a link of MTU {}", packet.network.size(),
                           config.mtu);
    const bool left = arrived.frame.checksum_pending && config.is_virtual;
    if (!is_ip_checksum_valid(packet))
        return "a wrong IPv4 header checksum";
    if (!left && !is_transport_checksum_valid(packet))
        return "a wrong transport checksum";
    if (singles.contain(packet))
        return {};
    return packet.protocol == IPPROTO_UDP ? udp_trouble(sends, packet)
                                          : tcp_trouble(sends, packet, config.fixed_ids);
}

/// That a large send stands for.
std::size_t num_packets(const CapturedPacket& send)
{
    const std::size_t segment = send.frame.segment_bytes;
    return (send.packet.payload.size() + segment - 1) / segment;
}

} // namespace

std::string SegmentCounts::describe() const
{
    return fmt::format("{:.0f} % of {} payload octets given to the device as large sends; at the "
                       "peer {} of {} packets{}{}",
                       share_large() * 100.0, bytes_large + bytes_single, num_arrived, num_given,
                       longest > 0 ? fmt::format(", the longest {} octets", longest) : "",
                       num_whole > 0 ? fmt::format(", {} of them uncut large sends", num_whole)
                                     : "");
}

SegmentCounts judge_segments(const std::vector<CapturedPacket>& given,
                             const std::vector<CapturedPacket>& arrived,
                             const SegmentConfig& config, Judgement& judgement)
{
    SegmentCounts counts;
    std::vector<const CapturedPacket*> sends;
    Singles singles;
    for (const CapturedPacket& one : given) {
        if (one.packet.payload.empty())
            continue;
        const bool large =
            one.frame.segment_bytes > 0 && one.packet.payload.size() > one.frame.segment_bytes;
        (large ? counts.bytes_large : counts.bytes_single) += one.packet.payload.size();
        counts.num_given += large ? num_packets(one) : 1;
        if (large)
            sends.push_back(&one);
        else
            singles.add(one.packet);
    }
    for (const CapturedPacket& one : arrived) {
        if (one.packet.payload.empty())
            continue;
        if (config.is_virtual && one.frame.segment_bytes > 0) {
            counts.num_arrived += num_packets(one);
            ++counts.num_whole;
            continue;
        }
        ++counts.num_arrived;
        counts.longest = std::max(counts.longest, one.packet.network.size());
        if (const std::string trouble = trouble_of(one, sends, singles, config); !trouble.empty())
            judgement.fail(fmt::format("{}: {}", config.what, trouble), one.frame.octets);
    }
    return counts;
}

} // namespace pagewire::nic
