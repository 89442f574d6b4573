// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/checks/packet.hpp"
#include "tests/nic/software_nic.hpp"

#include <cstddef>
#include <cstdint>

/// What devices have been seen to do wrong. Each touches some frames only, so that a connection
/// gets through and the check has something to look at; each is of one fault.
namespace pagewire::nic::lies {

/// The checksum left to the device comes out wrong, of single packets of this kind.
[[nodiscard]] Lie wrong_checksum(IpVersion version, std::uint8_t protocol);

/// A single packet's payload is changed, and the checksum made after it: nobody can see it but who
/// knows the payload.
[[nodiscard]] Lie changed_payload(std::uint8_t protocol);

/// A received frame's damage is hidden: it is handed up as one whose checksum needs no look.
[[nodiscard]] Lie damage_hidden();

/// A received frame's wrong checksum is made right, over the damaged payload.
[[nodiscard]] Lie damage_signed();

/// Large sends of a protocol, cut into pieces that nobody asked for: `percent` of the size.
[[nodiscard]] Lie wrong_size(std::uint8_t protocol, std::size_t percent);

/// Large TCP sends, cut to the right size and with wrong headers.
[[nodiscard]] Lie same_ip_id();
[[nodiscard]] Lie push_everywhere();
[[nodiscard]] Lie push_lost();
[[nodiscard]] Lie wrong_ip_checksum();
[[nodiscard]] Lie wrong_segment_checksum(std::uint8_t protocol);
[[nodiscard]] Lie wrong_sequence();

/// Large sends, one of whose segments is not sent at all, or carries other octets.
[[nodiscard]] Lie segment_lost(std::uint8_t protocol);
[[nodiscard]] Lie segment_changed(std::uint8_t protocol);

/// Single TCP packets that are handed up merged by two, asked or not; with `damaged`, an octet is
/// lost and one made up at the seam.
[[nodiscard]] Lie merged(bool damaged);

/// Tagged frames lose the tag, or get another.
[[nodiscard]] Lie tag_lost();
[[nodiscard]] Lie tag_changed();

/// UDP packets that are dropped for their size: `bytes` of the IP packet, or more.
[[nodiscard]] Lie long_lost(std::size_t bytes);

/// One in five of the UDP packets to a port is dropped.
[[nodiscard]] Lie datagrams_lost(std::uint16_t port);

} // namespace pagewire::nic::lies
