// SPDX-License-Identifier: BSD-3-Clause
// Transport checksums made by the device (Documentation/networking/checksum-offloads.rst).
//
// Stimulus: TCP and UDP by kernel sockets. At the sender's tap a frame whose checksum is pending
// was given to the device to finish; on the wire every checksum must be right.
#include "core/error.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/rig.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <array>
#include <chrono>

namespace pagewire::nic {

namespace {

constexpr std::uint64_t kStreamBytes = std::uint64_t{128} << 10U;
constexpr int kNumDatagrams = 16;
constexpr std::size_t kDatagramBytes = 500;
constexpr std::array<std::string_view, 3> kFeatures{"tx-checksum-ip-generic", "tx-checksum-ipv4",
                                                    "tx-checksum-ipv6"};

/// What was sent, by which protocol.
struct Exchange {
    IpVersion version = IpVersion::k4;
    std::uint8_t protocol = IPPROTO_TCP;
    std::string name;
};

struct Seen {
    std::size_t num_given = 0;   ///< to the device
    std::size_t num_pending = 0; ///< of them, left to it
    std::size_t num_right = 0;   ///< at the peer
    std::size_t num_left = 0;    ///< at the peer, still pending
};

struct Sent {
    std::uint16_t port = 0; ///< the far end's
    std::string trouble;    ///< how the payload did not arrive as sent; empty: it did
};

Sent send_stream_of(const Rig& rig, const Exchange& exchange)
{
    TcpPair pair(rig, exchange.version);
    const StreamReport report = send_stream(pair, kStreamBytes);
    return {.port = pair.port(), .trouble = report.is_whole() ? std::string() : describe(report)};
}

Sent send_datagrams_of(const Rig& rig, const Exchange& exchange)
{
    UdpPair pair(rig, exchange.version);
    Sent sent{.port = pair.port(), .trouble = {}};
    std::array<std::byte, kDatagramBytes> octets{};
    for (int i = 0; i < kNumDatagrams && sent.trouble.empty(); ++i) {
        const auto offset = static_cast<std::uint64_t>(i) * octets.size();
        fill_pattern(octets, offset);
        if (const int error = pair.send(octets); error != 0)
            core::throw_error(error, "send", exchange.name);
        const auto arrived = pair.receive(std::chrono::seconds(1));
        if (!arrived)
            sent.trouble = fmt::format("datagram {} was dropped on its way or by the receiver", i);
        else if (find_mismatch(arrived->octets, offset))
            sent.trouble = fmt::format("datagram {} arrived changed", i);
    }
    return sent;
}

Seen look(const Rig& rig, Capture& near, Capture& far, const Exchange& exchange, std::uint16_t port,
          Judgement& judgement, const std::string& arm)
{
    Seen seen;
    for (const CapturedPacket& given :
         near.take(packets_of(exchange.protocol, port, true), kQuiet)) {
        ++seen.num_given;
        seen.num_pending += given.frame.checksum_pending ? 1 : 0;
    }
    for (const CapturedPacket& arrived :
         far.take(packets_of(exchange.protocol, port, false), kQuiet)) {
        if (arrived.frame.checksum_pending && rig.near.is_virtual())
            ++seen.num_left;
        else if (is_ip_checksum_valid(arrived.packet) &&
                 is_transport_checksum_valid(arrived.packet))
            ++seen.num_right;
        else
            judgement.fail(fmt::format("{}, {}: a frame with a wrong checksum on the wire",
                                       exchange.name, arm),
                           arrived.frame.octets);
    }
    judgement.observe(
        arm, fmt::format("{}: {} of {} frames given to the device with the checksum to make; at "
                         "the peer {} right{}",
                         exchange.name, seen.num_pending, seen.num_given, seen.num_right,
                         seen.num_left > 0 ? fmt::format(", {} not made at all", seen.num_left)
                                           : std::string()));
    return seen;
}

/// Whether one of the features makes checksums of such packets.
bool covers(const std::vector<std::string>& names, const Exchange& exchange)
{
    for (const std::string& name : names) {
        if (name == "tx-checksum-ip-generic" ||
            name == (exchange.version == IpVersion::k4 ? "tx-checksum-ipv4" : "tx-checksum-ipv6"))
            return true;
    }
    return false;
}

void try_state(Rig& rig, const std::vector<std::string>& names, bool on, const Exchange& exchange,
               Judgement& judgement)
{
    const std::string arm = on ? "on" : "off";
    Capture near(rig.near.netns, rig.near.interface);
    Capture far(rig.far.netns, rig.far.interface);
    const Sent sent = exchange.protocol == IPPROTO_TCP ? send_stream_of(rig, exchange)
                                                       : send_datagrams_of(rig, exchange);
    const Seen seen = look(rig, near, far, exchange, sent.port, judgement, arm);
    if (!sent.trouble.empty()) // behind the frame that may show why
        judgement.fail(fmt::format("{}, {}: {}", exchange.name, arm, sent.trouble));
    if (seen.num_given == 0 || seen.num_right + seen.num_left == 0)
        judgement.fail(fmt::format("{}, {}: no frame of it was seen", exchange.name, arm));
    else if (on && covers(names, exchange) && seen.num_pending == 0)
        judgement.not_in_effect(
            fmt::format("{}: on, yet the kernel makes the checksums", exchange.name));
    else if (!on && covers(names, exchange) && seen.num_pending > 0)
        judgement.fail(
            fmt::format("{}: off, yet the device is given checksums to make", exchange.name));
    if (seen.num_left > 0)
        judgement.note_once("virtual link: checksums are left to the receiver, no wire follows");
}

Finding run(Rig& rig)
{
    const Switch checksums = find_switch(rig.near, kFeatures);
    if (!checksums.obstacle.empty() && !checksums.active)
        return Judgement::skip(checksums.obstacle);
    FeatureSettings wire;
    keep_off(rig.far, kMergingFeatures, wire);
    rig.apply(rig.far, wire);

    Judgement judgement;
    if (!checksums.obstacle.empty())
        judgement.note(checksums.obstacle);
    for (const bool on : checksums.states()) {
        FeatureSettings settings = all_of(checksums.names, on);
        keep_off(rig.near, kSegmentingFeatures, settings);
        rig.apply(rig.near, settings);
        for (const IpVersion version : rig.versions()) {
            const int number = static_cast<int>(version);
            try_state(rig, checksums.names, on,
                      {version, IPPROTO_TCP, fmt::format("TCP over IPv{}", number)}, judgement);
            try_state(rig, checksums.names, on,
                      {version, IPPROTO_UDP, fmt::format("UDP over IPv{}", number)}, judgement);
        }
    }
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_tx_checksum{
    .name = "tx-checksum",
    .summary = "TCP and UDP checksums by the device: right on the wire, made there when on",
    .run = run};

} // namespace pagewire::nic
