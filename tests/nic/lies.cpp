// SPDX-License-Identifier: BSD-3-Clause
#include "tests/nic/lies.hpp"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>

namespace pagewire::nic::lies {

namespace {

constexpr int kOneIn = 5; ///< packets, or large sends: what is sent again gets through
constexpr std::size_t kTcpFlagsAt = 13;
constexpr std::byte kPush{0x08};

bool is_protocol(const Handed& handed, std::uint8_t protocol)
{
    return handed.is_transport && handed.at.tcp == (protocol == IPPROTO_TCP);
}

/// True for each fifth call.
class Now {
  public:
    bool operator()() { return ++number_ % kOneIn == 0; }

  private:
    int number_ = 0;
};

/// Changes the one packet of a send that is no large one, in one of five.
template<typename Applies, typename Change>
Lie some_single(Applies applies, Change change)
{
    return [=, now = Now()](const Handed& handed, std::vector<WireFrame>& wire) mutable {
        if (handed.is_large() || !handed.is_transport || wire.size() != 1 ||
            handed.payload_bytes() == 0 || !applies(handed) || !now())
            return false;
        change(handed, wire.front());
        return true;
    };
}

/// Changes the segments of large sends that were cut into several.
template<typename Change>
Lie large(std::uint8_t protocol, Change change)
{
    return [=](const Handed& handed, std::vector<WireFrame>& wire) {
        if (!handed.is_large() || !is_protocol(handed, protocol) || wire.size() < 2)
            return false;
        return change(handed, wire);
    };
}

/// Changes a segment from the middle, in one large send of five.
template<typename Change>
Lie one_segment(std::uint8_t protocol, Change change)
{
    return [=, now = Now()](const Handed& handed, std::vector<WireFrame>& wire) mutable {
        if (!handed.is_large() || !is_protocol(handed, protocol) || wire.size() < 2 || !now())
            return false;
        change(handed, wire[wire.size() / 2].octets);
        return true;
    };
}

void turn_bit(Octets& octets, std::size_t at)
{
    octets[at] ^= std::byte{1};
}

} // namespace

Lie wrong_checksum(IpVersion version, std::uint8_t protocol)
{
    return some_single(
        [=](const Handed& handed) {
            return handed.is_pending() && is_protocol(handed, protocol) &&
                   handed.at.v4 == (version == IpVersion::k4);
        },
        [](const Handed& handed, WireFrame& frame) {
            turn_bit(frame.octets, handed.at.transport + (handed.at.tcp ? 17 : 7));
        });
}

Lie changed_payload(std::uint8_t protocol)
{
    return some_single([=](const Handed& handed) { return is_protocol(handed, protocol); },
                       [](const Handed& handed, WireFrame& frame) {
                           turn_bit(frame.octets, handed.at.payload);
                           finish_checksums(frame.octets);
                       });
}

Lie damage_hidden()
{
    return [](const Handed& handed, std::vector<WireFrame>& wire) {
        if (handed.is_large() || handed.is_pending() || !is_protocol(handed, IPPROTO_UDP))
            return false;
        constexpr std::uint16_t udp_checksum_at = 6;
        wire.front().header = {.flags = kVnetNeedsChecksum,
                               .gso_type = kVnetGsoNone,
                               .hdr_len = 0,
                               .gso_size = 0,
                               .csum_start = static_cast<std::uint16_t>(handed.at.transport),
                               .csum_offset = udp_checksum_at};
        return true;
    };
}

Lie damage_signed()
{
    return [](const Handed& handed, std::vector<WireFrame>& wire) {
        if (handed.is_large() || handed.is_pending() || !handed.is_transport)
            return false;
        const Octets before = wire.front().octets;
        finish_checksums(wire.front().octets);
        return wire.front().octets != before;
    };
}

Lie wrong_size(std::uint8_t protocol, std::size_t percent)
{
    return large(protocol, [=](const Handed& handed, std::vector<WireFrame>& wire) {
        const std::size_t size = handed.asked.gso_size * percent / 100;
        wire.clear();
        for (Octets& octets : cut_frame(handed.frame, segment_sizes(handed.payload_bytes(), size)))
            wire.push_back({.header = {}, .octets = std::move(octets)});
        return true;
    });
}

Lie same_ip_id()
{
    return large(IPPROTO_TCP, [](const Handed& handed, std::vector<WireFrame>& wire) {
        if (!handed.at.v4)
            return false;
        for (WireFrame& segment : wire) {
            put16(segment.octets, handed.at.network + 4,
                  get16(handed.frame, handed.at.network + 4));
            finish_checksums(segment.octets);
        }
        return true;
    });
}

Lie push_everywhere()
{
    return large(IPPROTO_TCP, [](const Handed& handed, std::vector<WireFrame>& wire) {
        for (WireFrame& segment : wire) {
            segment.octets[handed.at.transport + kTcpFlagsAt] |= kPush;
            finish_checksums(segment.octets);
        }
        return true;
    });
}

Lie push_lost()
{
    return large(IPPROTO_TCP, [](const Handed& handed, std::vector<WireFrame>& wire) {
        const std::size_t flags = handed.at.transport + kTcpFlagsAt;
        if ((handed.frame[flags] & kPush) == std::byte{0})
            return false;
        wire.back().octets[flags] &= ~kPush;
        finish_checksums(wire.back().octets);
        return true;
    });
}

Lie wrong_ip_checksum()
{
    return one_segment(IPPROTO_TCP, [](const Handed& handed, Octets& segment) {
        if (handed.at.v4)
            turn_bit(segment, handed.at.network + 11);
    });
}

Lie wrong_segment_checksum(std::uint8_t protocol)
{
    return one_segment(protocol, [](const Handed& handed, Octets& segment) {
        turn_bit(segment, handed.at.transport + (handed.at.tcp ? 17 : 7));
    });
}

Lie wrong_sequence()
{
    return one_segment(IPPROTO_TCP, [](const Handed& handed, Octets& segment) {
        put32(segment, handed.at.transport + 4, get32(segment, handed.at.transport + 4) + 1);
        finish_checksums(segment);
    });
}

Lie segment_lost(std::uint8_t protocol)
{
    return large(protocol, [](const Handed&, std::vector<WireFrame>& wire) {
        wire.erase(wire.begin() + static_cast<std::ptrdiff_t>(wire.size() / 2));
        return true;
    });
}

Lie segment_changed(std::uint8_t protocol)
{
    return one_segment(protocol, [](const Handed& handed, Octets& segment) {
        turn_bit(segment, handed.at.payload);
        finish_checksums(segment);
    });
}

namespace {

/// Two packets that follow each other become one of both, which says of what size they were.
class Merger {
  public:
    explicit Merger(bool damaged) : damaged_(damaged) {}

    bool operator()(const Handed& handed, std::vector<WireFrame>& wire)
    {
        if (!is_protocol(handed, IPPROTO_TCP) || handed.is_large() || wire.size() != 1)
            return false;
        WireFrame next = std::move(wire.front());
        wire.clear();
        if (waiting_ && follows(handed, next)) {
            merge(handed, next);
            wire.push_back(std::move(*waiting_));
            waiting_.reset();
            return true;
        }
        if (waiting_)
            wire.push_back(std::move(*waiting_));
        waiting_.reset();
        // Behind one that is pushed, nothing need come.
        if (handed.payload_bytes() > 0 && (next.octets[handed.at.transport + kTcpFlagsAt] &
                                           (kPush | std::byte{1})) == std::byte{0}) {
            waiting_ = std::move(next);
            first_ = handed.at;
        } else {
            wire.push_back(std::move(next));
        }
        return false;
    }

  private:
    [[nodiscard]] bool follows(const Handed& handed, const WireFrame& next) const
    {
        const Octets& one = waiting_->octets;
        const std::size_t bytes = one.size() - first_.payload;
        return handed.at.transport == first_.transport && handed.at.payload == first_.payload &&
               handed.payload_bytes() > 0 && handed.payload_bytes() <= bytes &&
               get32(one, first_.transport) == get32(next.octets, first_.transport) &&
               get32(one, first_.transport + 4) + bytes ==
                   get32(next.octets, handed.at.transport + 4);
    }

    void merge(const Handed& handed, const WireFrame& next)
    {
        WireFrame& one = *waiting_;
        const auto size = static_cast<std::uint16_t>(one.octets.size() - first_.payload);
        const auto payload = std::span(next.octets).subspan(handed.at.payload);
        const std::size_t seam = one.octets.size();
        one.octets.insert(one.octets.end(), payload.begin(), payload.end());
        if (damaged_)
            turn_bit(one.octets, seam);
        one.octets[first_.transport + kTcpFlagsAt] |=
            next.octets[handed.at.transport + kTcpFlagsAt];
        const auto network_bytes = static_cast<std::uint16_t>(one.octets.size() - first_.network);
        constexpr std::uint16_t ipv6_bytes = 40;
        if (first_.v4)
            put16(one.octets, first_.network + 2, network_bytes);
        else
            put16(one.octets, first_.network + 4,
                  static_cast<std::uint16_t>(network_bytes - ipv6_bytes));
        finish_checksums(one.octets);
        constexpr std::uint16_t tcp_checksum_at = 16;
        one.header = {.flags = kVnetNeedsChecksum,
                      .gso_type = first_.v4 ? kVnetGsoTcpv4 : kVnetGsoTcpv6,
                      .hdr_len = static_cast<std::uint16_t>(first_.payload),
                      .gso_size = size,
                      .csum_start = static_cast<std::uint16_t>(first_.transport),
                      .csum_offset = tcp_checksum_at};
    }

    bool damaged_;
    std::optional<WireFrame> waiting_;
    HeaderPlaces first_; ///< of waiting_
};

bool has_tag(const Octets& octets)
{
    constexpr std::size_t type_at = 12;
    return octets.size() > type_at + 6 && get16(octets, type_at) == ETH_P_8021Q;
}

template<typename Change>
Lie tagged(Change change)
{
    return [=](const Handed&, std::vector<WireFrame>& wire) {
        bool any = false;
        for (WireFrame& frame : wire) {
            if (has_tag(frame.octets)) {
                change(frame.octets);
                any = true;
            }
        }
        return any;
    };
}

} // namespace

Lie merged(bool damaged)
{
    return Merger(damaged);
}

Lie tag_lost()
{
    return tagged([](Octets& octets) { octets.erase(octets.begin() + 12, octets.begin() + 16); });
}

Lie tag_changed()
{
    return tagged([](Octets& octets) { turn_bit(octets, 15); });
}

Lie long_lost(std::size_t bytes)
{
    return [=](const Handed& handed, std::vector<WireFrame>& wire) {
        if (!is_protocol(handed, IPPROTO_UDP) || wire.empty() ||
            wire.front().octets.size() - handed.at.network < bytes)
            return false;
        wire.clear();
        return true;
    };
}

Lie datagrams_lost(std::uint16_t port)
{
    return [=, now = Now()](const Handed& handed, std::vector<WireFrame>& wire) mutable {
        if (!is_protocol(handed, IPPROTO_UDP) ||
            get16(handed.frame, handed.at.transport + 2) != port || !now())
            return false;
        wire.clear();
        return true;
    };
}

} // namespace pagewire::nic::lies
