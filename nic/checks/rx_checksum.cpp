// SPDX-License-Identifier: BSD-3-Clause
// Checksums verified by the receiving device (Documentation/networking/checksum-offloads.rst).
//
// Stimulus: frames made by hand, right and wrong ones by turns. A wrong one that the device reports
// as verified would be handed to the application: the worst that an offload can do.
#include "core/error.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/raw_frame.hpp"
#include "nic/checks/rig.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <array>
#include <chrono>
#include <cstring>

namespace pagewire::nic {

namespace {

constexpr int kNumFrames = 32;
constexpr std::size_t kPayloadBytes = 200;

struct Seen {
    int num_wrong_verified = 0;
    int num_wrong = 0;
    int num_right_verified = 0;
    int num_right = 0;
};

std::string name_of_kind(IpVersion version, std::uint8_t protocol)
{
    return fmt::format("{} over IPv{}", protocol == IPPROTO_TCP ? "TCP" : "UDP",
                       static_cast<int>(version));
}

/// Right and wrong frames by turns, to the pair's port.
void send_frames(const Rig& rig, const UdpPair& pair, IpVersion version, std::uint8_t protocol)
{
    RawSender sender(rig.near);
    std::array<std::byte, kPayloadBytes> payload{};
    for (int i = 0; i < kNumFrames; ++i) {
        fill_pattern(payload, static_cast<std::uint64_t>(i) * payload.size());
        const auto frame =
            make_frame(rig,
                       {.version = version,
                        .protocol = protocol,
                        .source_port = pair.near_port(),
                        .destination_port = pair.port(),
                        .checksum = i % 2 == 0 ? FrameChecksum::kRight : FrameChecksum::kWrong},
                       payload);
        if (const int error = sender.send(frame); error != 0)
            core::throw_error(error, "send AF_PACKET", rig.near.interface);
    }
}

Seen look(Capture& tap, std::uint16_t port, std::uint8_t protocol, const std::string& arm,
          Judgement& judgement)
{
    Seen seen;
    for (const CapturedPacket& arrived :
         tap.take(packets_of(protocol, port, false), kQuiet, kNumFrames)) {
        if (is_transport_checksum_valid(arrived.packet)) {
            ++seen.num_right;
            seen.num_right_verified += arrived.frame.checksum_verified ? 1 : 0;
            continue;
        }
        ++seen.num_wrong;
        // One that is pending, as between virtual machines, is not looked at either.
        if (!arrived.frame.checksum_verified && !arrived.frame.checksum_pending)
            continue;
        ++seen.num_wrong_verified;
        judgement.fail(fmt::format("{}, {}: a frame with a wrong checksum was reported as verified",
                                   name_of_kind(arrived.packet.version, protocol), arm),
                       arrived.frame.octets);
    }
    return seen;
}

/// Only right datagrams may come out of the socket, and all of them.
int count_delivered(UdpPair& pair, const std::string& kind, Judgement& judgement)
{
    int num_right = 0;
    while (const auto datagram = pair.receive(num_right < kNumFrames / 2 ? kArrival : kQuiet)) {
        std::uint64_t place = 0; // the frame that it is, whatever came before it
        for (int i = 0; i < kNumFrames; i += 2) {
            const auto offset = static_cast<std::uint64_t>(i) * kPayloadBytes;
            if (!find_mismatch(datagram->octets, offset))
                place = offset + 1;
        }
        if (place == 0)
            judgement.fail(
                fmt::format("{}: a datagram with a wrong checksum reached the application", kind),
                datagram->octets);
        else
            ++num_right;
    }
    return num_right;
}

void try_kind(const Rig& rig, IpVersion version, std::uint8_t protocol, const std::string& arm,
              Judgement& judgement, bool& any_verified)
{
    const std::string kind = name_of_kind(version, protocol);
    UdpPair pair(rig, version);
    Capture tap(rig.far.netns, rig.far.interface);
    send_frames(rig, pair, version, protocol);
    const Seen seen = look(tap, pair.port(), protocol, arm, judgement);
    any_verified = any_verified || seen.num_right_verified > 0;
    std::string text = fmt::format("{}: verified by the device {} of {} right frames, {} of {} "
                                   "wrong ones",
                                   kind, seen.num_right_verified, seen.num_right,
                                   seen.num_wrong_verified, seen.num_wrong);
    if (protocol == IPPROTO_UDP) {
        const int num_delivered = count_delivered(pair, kind, judgement);
        text += fmt::format("; {} datagrams delivered, all right", num_delivered);
        if (num_delivered != kNumFrames / 2)
            judgement.fail(fmt::format("{}, {}: {} of {} right datagrams reached the application",
                                       kind, arm, num_delivered, kNumFrames / 2));
    }
    judgement.observe(arm, std::move(text));
    // A device may drop what it finds wrong; what it has no reason to drop must arrive.
    if (seen.num_right != kNumFrames / 2)
        judgement.fail(fmt::format("{}, {}: {} of {} right frames arrived", kind, arm,
                                   seen.num_right, kNumFrames / 2));
}

Finding run(Rig& rig)
{
    const Switch verifying = find_switch(rig.far, "rx-checksum");
    const bool is_changeable = verifying.obstacle.empty();
    Judgement judgement;
    if (!is_changeable)
        judgement.note(verifying.obstacle);
    // Fixed off: nothing to verify, and still no wrong frame may pass for a right one.
    for (const bool on : verifying.states()) {
        FeatureSettings settings = all_of(verifying.names, on);
        keep_off(rig.far, kMergingFeatures, settings);
        rig.apply(rig.far, settings);
        bool any_verified = false;
        for (const IpVersion version : rig.versions()) {
            for (const std::uint8_t protocol :
                 std::array<std::uint8_t, 2>{IPPROTO_UDP, IPPROTO_TCP})
                try_kind(rig, version, protocol, on ? "on" : "off", judgement, any_verified);
        }
        if (on && !any_verified)
            judgement.not_in_effect("on, yet no frame is reported as verified: the kernel does it");
        if (!on && any_verified)
            judgement.fail("off, yet frames are reported as verified");
    }
    if (!is_changeable && !verifying.active && !judgement.failed())
        return Judgement::skip(verifying.obstacle);
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_rx_checksum{
    .name = "rx-checksum",
    .summary = "checksums verified by the receiving device: no wrong frame passes for a right one",
    .run = run};

} // namespace pagewire::nic
