// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// The Internet checksum (RFC 1071).
namespace pagewire::core {

/// One's-complement sum of 16-bit words, not inverted, not folded. For headers: at most some
/// thousand octets, the first at an even place of what is summed.
[[nodiscard]] std::uint32_t checksum_add(std::uint32_t sum,
                                         std::span<const std::byte> octets) noexcept;

/// Folds to 16 bits and inverts.
[[nodiscard]] std::uint16_t checksum_finish(std::uint32_t sum) noexcept;

/// The folded sum of any number of octets that come in pieces, cut anywhere: a piece that begins at
/// an odd place counts with its octets swapped (RFC 1071 §2 B).
class OnesComplementSum {
  public:
    void add(std::span<const std::byte> octets) noexcept;

    /// Not inverted: a term for checksum_finish().
    [[nodiscard]] std::uint16_t folded() const noexcept;

  private:
    std::uint64_t sum_ = 0; // of words as the octets give them, big-endian
    bool odd_ = false;      // an odd number of octets so far
};

} // namespace pagewire::core
