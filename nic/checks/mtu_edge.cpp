// SPDX-License-Identifier: BSD-3-Clause
// The MTU's edge: a packet of exactly the MTU passes, one of an octet more does not.
#include "nic/checks/mtu_edge.hpp"

#include "core/error.hpp"
#include "nic/checks/capture.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/raw_frame.hpp"

#include <fmt/format.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <cerrno>
#include <chrono>
#include <vector>

namespace pagewire::nic {

namespace {

constexpr std::uint32_t kIpv4BytesMax = 65535; // RFC 791 §3.1

/// Of a UDP packet, from the IP header on.
std::size_t header_bytes(IpVersion version)
{
    return frame_header_bytes({.version = version}) - ETH_HLEN;
}

/// An IP packet of so many octets from a UDP socket.
int send_packet(UdpPair& pair, IpVersion version, std::uint32_t bytes)
{
    std::vector<std::byte> payload(bytes - header_bytes(version));
    fill_pattern(payload, 0);
    return pair.send(payload);
}

void judge_exact(UdpPair& pair, IpVersion version, std::uint32_t mtu, const std::string& arm,
                 Judgement& judgement)
{
    const std::string what =
        fmt::format("IPv{} packet of {} octets, MTU {}", static_cast<int>(version), mtu, mtu);
    if (const int error = send_packet(pair, version, mtu); error != 0) {
        judgement.fail(fmt::format("{}: send: {}", what, core::errno_text(error)));
        return;
    }
    const auto arrived = pair.receive(kArrival);
    if (!arrived)
        judgement.fail(fmt::format("{}: did not arrive", what));
    else if (arrived->octets.size() != mtu - header_bytes(version) ||
             find_mismatch(arrived->octets, 0))
        judgement.fail(
            fmt::format("{}: arrived changed, {} octets of payload", what, arrived->octets.size()),
            arrived->octets);
    else
        judgement.observe(arm, fmt::format("{}: arrived as sent", what));
}

void judge_longer(const Rig& rig, UdpPair& pair, IpVersion version, std::uint32_t mtu,
                  const std::string& arm, Judgement& judgement)
{
    const std::string what =
        fmt::format("IPv{} packet of {} octets, MTU {}", static_cast<int>(version), mtu + 1, mtu);
    Capture tap(rig.far.netns, rig.far.interface);
    const int socket_error = send_packet(pair, version, mtu + 1);
    std::vector<std::byte> payload(mtu + 1 - header_bytes(version));
    fill_pattern(payload, 0);
    const int raw_error = RawSender(rig.near).send(make_frame(
        rig, {.version = version, .source_port = pair.near_port(), .destination_port = pair.port()},
        payload));
    const auto on_wire = tap.take(packets_of(IPPROTO_UDP, pair.port(), false), kQuiet);
    judgement.observe(
        arm, fmt::format("{}: by a UDP socket: {}; as a frame: {}; {} frames at the peer", what,
                         socket_error == 0 ? "sent" : core::errno_text(socket_error),
                         raw_error == 0 ? "sent" : core::errno_text(raw_error), on_wire.size()));
    if (socket_error == 0 || raw_error == 0)
        judgement.fail(fmt::format("{}: was taken", what));
    else if (!on_wire.empty())
        judgement.fail(fmt::format("{}: refused, yet it is on the wire", what),
                       on_wire.front().frame.octets);
}

Finding run(Rig& rig)
{
    if (rig.near.facts.mtu != rig.far.facts.mtu)
        return Judgement::skip(fmt::format("the MTUs differ, {} at {} and {} at {}: no edge",
                                           rig.near.facts.mtu, rig.near.interface,
                                           rig.far.facts.mtu, rig.far.interface));
    Judgement judgement;
    judge_mtu_edge(rig, rig.near.facts.mtu, "", judgement);
    return std::move(judgement).finish();
}

} // namespace

void judge_mtu_edge(const Rig& rig, std::uint32_t mtu, const std::string& arm, Judgement& judgement)
{
    for (const IpVersion version : rig.versions()) {
        UdpPair pair(rig, version);
        judge_exact(pair, version, mtu, arm, judgement);
        if (version == IpVersion::k4 && mtu >= kIpv4BytesMax)
            continue; // there is no longer one
        judge_longer(rig, pair, version, mtu, arm, judgement);
    }
}

extern const Check check_mtu_edge{
    .name = "mtu-edge",
    .summary = "a packet of exactly the MTU arrives; one of an octet more never leaves",
    .run = run};

} // namespace pagewire::nic
