// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pagewire::core {

/// What the latency arm's client asks for on the connection: a range of the file, 16 octets.
///
///     0        8        16
///     | offset | length |      64 bits each, little-endian; the offset counts from the file's
///     start
///
/// The answer is the bytes of the range and nothing else, and answers come in the order of the
/// requests. The client asks for no more by ending its half of the connection.
inline constexpr std::size_t kRangeRequestBytes = 16;

using RangeRequestOctets = std::array<std::byte, kRangeRequestBytes>;

[[nodiscard]] RangeRequestOctets encode_range_request(const ByteRange& range) noexcept;

/// Throws TransferError where `allowed` does not hold the whole range, or the range is empty.
[[nodiscard]] ByteRange decode_range_request(const RangeRequestOctets& octets,
                                             const ByteRange& allowed);

} // namespace pagewire::core
