// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace pagewire::core {

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;
inline constexpr std::uint64_t kTiB = 1024 * kGiB;
inline constexpr std::uint64_t kPiB = 1024 * kTiB;

template<std::unsigned_integral T>
[[nodiscard]] constexpr T round_up(T value, std::type_identity_t<T> multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

template<std::unsigned_integral T>
[[nodiscard]] constexpr T round_down(T value, std::type_identity_t<T> multiple)
{
    return value / multiple * multiple;
}

/// "4096", "64KiB", "64 KiB", "256M" (binary prefixes only: K, M, G with or without iB) to bytes.
/// Throws UsageError that quotes the text.
[[nodiscard]] std::uint64_t parse_bytes(std::string_view text);

/// Exact where it can be ("64 KiB", "256 MiB", "4097 B"), else with one decimal ("1.5 GiB").
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

/// Payload bits per second over 1e9, as every goodput figure of pagewire.
[[nodiscard]] constexpr double gigabits_per_second(std::uint64_t bytes, std::uint64_t elapsed_ns)
{
    return elapsed_ns == 0 ? 0.0
                           : static_cast<double>(bytes) * 8.0 / static_cast<double>(elapsed_ns);
}

} // namespace pagewire::core
