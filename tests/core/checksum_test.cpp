// SPDX-License-Identifier: BSD-3-Clause
#include "core/checksum.hpp"

#include "tests/support/random_bytes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <span>

namespace pagewire::core {
namespace {

/// RFC 1071 §1, taken literally.
std::uint16_t slow_sum(std::span<const std::byte> octets)
{
    return static_cast<std::uint16_t>(~checksum_finish(checksum_add(0, octets)));
}

TEST(OnesComplementSum, IsTheSameHoweverItIsCut)
{
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
        tests::Random random(seed);
        const auto octets = tests::random_bytes(1 + tests::below(random, 3000), seed);
        OnesComplementSum sum;
        for (std::size_t at = 0; at < octets.size();) {
            const std::size_t piece =
                std::min<std::size_t>(1 + tests::below(random, 70), octets.size() - at);
            sum.add(std::span(octets).subspan(at, piece));
            at += piece;
        }
        // 0 and 0xffff are the same number.
        EXPECT_EQ(sum.folded() % 0xffff, slow_sum(octets) % 0xffff) << seed;
    }
}

TEST(OnesComplementSum, ExampleOfRfc1071)
{
    constexpr std::array octets{std::byte{0x00}, std::byte{0x01}, std::byte{0xf2}, std::byte{0x03},
                                std::byte{0xf4}, std::byte{0xf5}, std::byte{0xf6}, std::byte{0xf7}};
    OnesComplementSum sum;
    sum.add(octets);
    EXPECT_EQ(sum.folded(), 0xddf2U);
}

} // namespace
} // namespace pagewire::core
