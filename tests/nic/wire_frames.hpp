// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/checks/vnet_header.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// The honest half of the software NIC: what hardware makes of a frame that it is given with work
/// left to do. Written without nic/checks/packet.hpp, which it is there to test.
namespace pagewire::nic {

using Octets = std::vector<std::byte>;

/// Where the headers of a TCP or UDP frame are, octets from the frame's start; VLAN tags are passed
/// over. IPv6 without extension headers.
struct HeaderPlaces {
    std::size_t network = 0;
    std::size_t transport = 0;
    std::size_t payload = 0;
    bool v4 = false;
    bool tcp = false;
};

/// False for any other frame.
bool find_headers(std::span<const std::byte> frame, HeaderPlaces& places);

/// The frames that go on the wire, in their order: checksums finished, a large send cut into
/// packets of `gso_size` payload octets, each with the headers that the kernel's own segmentation
/// would give it (net/ipv4/tcp_offload.c, tcp_gso_segment; net/ipv4/udp_offload.c,
/// __udp_gso_segment). None for a large send that is neither TCP nor UDP.
[[nodiscard]] std::vector<Octets> wire_frames(const VnetHeader& asked,
                                              std::span<const std::byte> frame);

/// The same cut into pieces of the given sizes, which add up to the payload.
[[nodiscard]] std::vector<Octets> cut_frame(std::span<const std::byte> frame,
                                            std::span<const std::size_t> payload_bytes);

/// The sizes of the pieces of `total` octets, `segment` each and the rest.
[[nodiscard]] std::vector<std::size_t> segment_sizes(std::size_t total, std::size_t segment);

/// Big-endian numbers in a frame.
[[nodiscard]] std::uint16_t get16(std::span<const std::byte> octets, std::size_t at);
[[nodiscard]] std::uint32_t get32(std::span<const std::byte> octets, std::size_t at);
void put16(std::span<std::byte> octets, std::size_t at, std::uint16_t value);
void put32(std::span<std::byte> octets, std::size_t at, std::uint32_t value);

/// Both checksums made anew, for a frame that was changed.
void finish_checksums(std::span<std::byte> frame);

} // namespace pagewire::nic
