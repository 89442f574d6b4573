// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace pagewire::core {

/// The application header of the UDP wire: 24 octets at the front of every datagram, network byte
/// order.
///
///     0               4       6   7   8               16              24
///     +---------------+-------+---+---+---------------+---------------+
///     | flow          | length| k | v | sequence      | offset        |   k kind, v version
///     +---------------+-------+---+---+---------------+---------------+
///
/// Data datagrams carry `length` octets of the stream from `offset`; the receiver can place and
/// verify each without any other. The rest closes the loop:
///
///   sender                                     receiver
///     | kProbe  sequence = next to send            |   "I am here / I am out of credit"
///     |------------------------------------------->|
///     | kCredit sequence = first not granted       |   a datagram may be sent while its sequence
///     is below
///     |<-------------------------------------------|
///     | kData ...                                  |   new credit about twice a window
///     | kFinish sequence = number of data sent     |
///     |------------------------------------------->|
///     | kDone   sequence = distinct data received, |   once all has come, or nothing more has for
///     a while |         offset = quiet wait, in ns         |
///     |<-------------------------------------------|
///
/// Before all that, a sender to a software NIC says where its disk reads land, so that the NIC can
/// tell whether descriptors point there: kMemory, sequence = first address, offset = octets.
///
/// Credit is absolute, so that a lost credit datagram costs nothing once the next one comes; a
/// sender that starves probes again. A receiver repeats kDone for every kFinish until its testbed
/// stops it. An open-loop sender never probes, and so is sent no credit.
struct FlowHeader {
    enum class Kind : std::uint8_t { kData = 1, kProbe, kCredit, kFinish, kDone, kMemory };

    std::uint32_t flow = 0;
    std::uint16_t length = 0;
    Kind kind = Kind::kData;
    std::uint64_t sequence = 0;
    std::uint64_t offset = 0;

    bool operator==(const FlowHeader&) const = default;
};

inline constexpr std::size_t kFlowHeaderBytes = 24;
inline constexpr std::uint8_t kFlowVersion = 1;

/// Writes the header's octets at `out`.
void encode_flow_header(const FlowHeader& header,
                        std::span<std::byte, kFlowHeaderBytes> out) noexcept;

/// Nothing when the datagram is too short, of another version or kind, or when a data datagram's
/// length is not that of the octets behind the header.
[[nodiscard]] std::optional<FlowHeader>
decode_flow_header(std::span<const std::byte> datagram) noexcept;

/// The same of a datagram of `datagram_bytes` octets that lies in several pieces: `front` holds its
/// first ones, the whole header at least.
[[nodiscard]] std::optional<FlowHeader> decode_flow_header(std::span<const std::byte> front,
                                                           std::size_t datagram_bytes) noexcept;

} // namespace pagewire::core
