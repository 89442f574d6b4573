// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"
#include "nic/checks/packet.hpp"
#include "nic/checks/rig.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// Frames made by hand, for what a kernel socket would not send.
namespace pagewire::nic {

/// How the transport checksum is written.
enum class FrameChecksum : std::uint8_t {
    kRight,
    kWrong,   ///< one bit of the payload is turned after the checksum was made
    kPending, ///< the pseudo header's sum alone, for the device to finish (RFC 1071)
};

struct FrameConfig {
    IpVersion version = IpVersion::k4;
    std::uint8_t protocol = 17; ///< IPPROTO_UDP, or IPPROTO_TCP: a segment of no connection
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    FrameChecksum checksum = FrameChecksum::kRight;
};

/// From the rig's near end to its far end: Ethernet II, IPv4 or IPv6, UDP or TCP, `payload`.
[[nodiscard]] std::vector<std::byte> make_frame(const Rig& rig, const FrameConfig& config,
                                                std::span<const std::byte> payload);

/// Octets of the headers that make_frame() writes.
[[nodiscard]] std::size_t frame_header_bytes(const FrameConfig& config);

/// A packet(7) socket that sends frames as they are: the kernel adds nothing and makes no checksum.
class RawSender {
  public:
    /// Throws SystemError.
    explicit RawSender(const Rig::End& end);

    /// Returns 0 or the errno.
    [[nodiscard]] int send(std::span<const std::byte> frame) noexcept;

  private:
    core::UniqueFd fd_;
};

} // namespace pagewire::nic
