// SPDX-License-Identifier: BSD-3-Clause
#include "core/range_request.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace pagewire::core {
namespace {

constexpr ByteRange kAllowed{.offset = 4096, .length = 8192};

TEST(RangeRequest, GoesAndComes)
{
    const ByteRange range{.offset = 0x0102030405060708, .length = 0x1112131415161718};
    const RangeRequestOctets octets = encode_range_request(range);
    EXPECT_EQ(octets.front(), std::byte{0x08}); // little-endian
    EXPECT_EQ(octets.back(), std::byte{0x11});
    EXPECT_EQ(decode_range_request(
                  octets, {.offset = 0, .length = std::numeric_limits<std::uint64_t>::max()}),
              range);
}

TEST(RangeRequest, WhatLiesInTheRangeIsTaken)
{
    for (const ByteRange& range :
         {ByteRange{.offset = 4096, .length = 8192}, ByteRange{.offset = 4096, .length = 1},
          ByteRange{.offset = 12'287, .length = 1}})
        EXPECT_EQ(decode_range_request(encode_range_request(range), kAllowed), range);
}

TEST(RangeRequest, WhatDoesNotIsRefused)
{
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    for (const ByteRange& range :
         {ByteRange{.offset = 4095, .length = 1}, ByteRange{.offset = 12'288, .length = 1},
          ByteRange{.offset = 12'287, .length = 2}, ByteRange{.offset = 4096, .length = 0},
          ByteRange{.offset = 5000, .length = most}, ByteRange{.offset = most, .length = most}}) {
        EXPECT_THROW((void)decode_range_request(encode_range_request(range), kAllowed),
                     TransferError)
            << range.offset << '+' << range.length;
    }
}

} // namespace
} // namespace pagewire::core
