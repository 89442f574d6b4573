// SPDX-License-Identifier: BSD-3-Clause
#include "core/checksum.hpp"

#include <bit>
#include <cstring>

namespace pagewire::core {

namespace {

std::uint16_t fold(std::uint64_t sum) noexcept
{
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

std::uint16_t swapped(std::uint16_t word) noexcept
{
    return static_cast<std::uint16_t>(word << 8 | word >> 8);
}

} // namespace

std::uint32_t checksum_add(std::uint32_t sum, std::span<const std::byte> octets) noexcept
{
    for (std::size_t i = 0; i + 1 < octets.size(); i += 2) {
        sum += (std::to_integer<std::uint32_t>(octets[i]) << 8) |
               std::to_integer<std::uint32_t>(octets[i + 1]);
    }
    if (octets.size() % 2 != 0)
        sum += std::to_integer<std::uint32_t>(octets.back()) << 8;
    return sum;
}

std::uint16_t checksum_finish(std::uint32_t sum) noexcept
{
    return static_cast<std::uint16_t>(~fold(sum));
}

void OnesComplementSum::add(std::span<const std::byte> octets) noexcept
{
    // Words of 32 bits in the machine's own order, summed wide: the order of octets does not matter
    // to the sum but for a swap at the end (RFC 1071 §2 B, C).
    std::uint64_t wide = 0;
    std::size_t at = 0;
    for (; at + sizeof(std::uint32_t) <= octets.size(); at += sizeof(std::uint32_t)) {
        std::uint32_t word = 0;
        std::memcpy(&word, octets.data() + at, sizeof(word));
        wide += word;
    }
    std::uint16_t piece = fold(wide);
    if constexpr (std::endian::native == std::endian::little)
        piece = swapped(piece);
    piece = fold(checksum_add(piece, octets.subspan(at)));
    sum_ += odd_ ? swapped(piece) : piece;
    odd_ = odd_ != (octets.size() % 2 != 0);
}

std::uint16_t OnesComplementSum::folded() const noexcept
{
    return fold(sum_);
}

} // namespace pagewire::core
