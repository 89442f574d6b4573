// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"
#include "nic/checks/packet.hpp"
#include "nic/net_namespace.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

/// What passes an interface, as a packet(7) socket sees it.
///
///     sending:   IP -> GSO, checksums and VLAN tags made in software where the device does not
///                -> [tap: PACKET_OUTGOING] -> driver -> wire
///     receiving: wire -> driver, LRO -> GRO -> VLAN tag taken out -> [tap] -> IP
///
/// So a frame at the sender's tap is what the driver was given to do, and one at the receiver's is
/// the wire's only where GRO and LRO are off.
namespace pagewire::nic {

/// One captured frame, with what the kernel says of it: struct virtio_net_hdr (PACKET_VNET_HDR) and
/// struct tpacket_auxdata (PACKET_AUXDATA).
struct Frame {
    /// From the Ethernet header on; without a tag that was taken out.
    std::vector<std::byte> octets;
    bool outgoing = false; ///< seen on its way out
    /// The transport checksum holds the pseudo header's sum alone.
    bool checksum_pending = false;
    /// The device, or what stands for it, says that it is right.
    bool checksum_verified = false;
    /// GSO: payload octets of each packet that it stands for; 0: it is one packet.
    std::uint16_t segment_bytes = 0;
    /// Of the tag beside the frame: to be inserted, or taken out.
    std::optional<std::uint16_t> vlan_id;
};

/// A frame and its packet; the packet's views live as long as the frame is where it is.
struct CapturedPacket {
    Frame frame;
    Packet packet;

    CapturedPacket(Frame captured, const Packet& parsed);
    CapturedPacket(const CapturedPacket&) = delete;
    CapturedPacket& operator=(const CapturedPacket&) = delete;
    CapturedPacket(CapturedPacket&&) noexcept = default; // moving a vector moves no octets
    CapturedPacket& operator=(CapturedPacket&&) noexcept = default;
    ~CapturedPacket() = default;
};

/// Captures from construction on: what comes meanwhile waits in the socket.
class Capture {
  public:
    /// Throws SystemError.
    Capture(const NetNamespace& netns, const std::string& interface);

    using Wanted = std::function<bool(const Frame&, const Packet&)>;

    /// The wanted packets since the last call, in their order. Goes on until nothing has come for
    /// `quiet`, and while there are fewer than `num_expected`, until nothing has come for kArrival.
    /// Throws TransferError where the socket had no room for all of them: what is missing is no
    /// evidence.
    [[nodiscard]] std::vector<CapturedPacket>
    take(const Wanted& wanted, std::chrono::milliseconds quiet, std::size_t num_expected = 0);

  private:
    [[nodiscard]] bool receive(Frame& frame);
    void refuse_losses();

    core::UniqueFd fd_;
    std::string interface_;
    std::vector<std::byte> buffer_;
};

/// How long an interface or a socket must be quiet before it counts as empty. What checks wait for
/// has passed both taps by then: a stream has been read to its end.
inline constexpr std::chrono::milliseconds kQuiet{20};

/// How long what was sent may take to arrive before it counts as lost: a busy machine hands it on
/// late, and a device is not to be blamed for that.
inline constexpr std::chrono::milliseconds kArrival{1000};

/// To or from this port (host byte order), by this protocol (IPPROTO_TCP, IPPROTO_UDP), on their
/// way out, or in.
[[nodiscard]] Capture::Wanted packets_of(std::uint8_t protocol, std::uint16_t port, bool outgoing);

} // namespace pagewire::nic
