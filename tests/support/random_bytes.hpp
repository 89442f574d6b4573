// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace pagewire::tests {

using Random = std::mt19937_64;

/// A number in [0, bound). Reproducible everywhere, unlike the library's distributions; the bias
/// does not matter here.
inline std::uint64_t below(Random& random, std::uint64_t bound)
{
    return random() % bound;
}

/// The same for the same seed; no two pages alike, so that a misplaced one is seen.
inline std::vector<std::byte> random_bytes(std::size_t count, std::uint64_t seed)
{
    Random random(seed);
    std::vector<std::byte> bytes(count);
    for (std::size_t at = 0; at < count; at += sizeof(std::uint64_t)) {
        const std::uint64_t word = random();
        std::memcpy(bytes.data() + at, &word, std::min(sizeof(word), count - at));
    }
    return bytes;
}

} // namespace pagewire::tests
