// SPDX-License-Identifier: BSD-3-Clause
#include "core/block_digests.hpp"

#include "core/error.hpp"
#include "core/units.hpp"
#include "tests/support/random_bytes.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/thrown.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace pagewire::core {
namespace {

using Bytes = std::vector<std::byte>;
using tests::random_bytes;
using tests::thrown;

/// Cut and hashed in memory, one block at a time.
BlockDigests digests_of(std::span<const std::byte> stream)
{
    BlockDigests result{.length = stream.size(), .digests = {}};
    while (!stream.empty()) {
        const std::size_t bytes = std::min(kBlockBytes, stream.size());
        result.digests.push_back(block_digest(stream.first(bytes)));
        stream = stream.subspan(bytes);
    }
    return result;
}

/// The buffer of xxHash's own sanity test (tests/sanity_test.c, fillTestBuffer).
Bytes sanity_buffer(std::size_t count)
{
    std::uint64_t generator = 2654435761U;
    Bytes bytes(count);
    for (std::byte& byte : bytes) {
        byte = static_cast<std::byte>(generator >> 56);
        generator *= 11400714785074694797U;
    }
    return bytes;
}

TEST(BlockDigest, IsXxh3OfSeedZero)
{
    struct Vector {
        std::size_t length;
        std::uint64_t digest;
    };

    // xxHash's published test vectors, XXH3 64-bit, seed 0: each length takes another path through
    // the algorithm.
    for (const auto& [length, digest] :
         {Vector{0, 0x2D06800538D394C2}, Vector{1, 0xC44BDFF4074EECDB},
          Vector{6, 0x27B56A84CD2D7325}, Vector{12, 0xA713DAF0DFBB77E7},
          Vector{24, 0xA3FE70BF9D3510EB}, Vector{48, 0x397DA259ECBA1F11},
          Vector{80, 0xBCDEFBBB2C47C90A}, Vector{195, 0xCD94217EE362EC3A},
          Vector{403, 0xCDEB804D65C6DEA4}, Vector{512, 0x617E49599013CB6B},
          Vector{2048, 0xDD59E2C3A5F038E0}, Vector{2367, 0xCB37AEB9E5D361ED}})
        EXPECT_EQ(block_digest(sanity_buffer(length)), digest) << length;
}

TEST(BlockDigests, BytesOfEachBlock)
{
    const BlockDigests digests{.length = 2 * kBlockBytes + 5, .digests = {1, 2, 3}};
    EXPECT_EQ(digests.num_blocks(), 3U);
    EXPECT_EQ(digests.block_bytes(0), kBlockBytes);
    EXPECT_EQ(digests.block_bytes(1), kBlockBytes);
    EXPECT_EQ(digests.block_bytes(2), 5U);
    EXPECT_EQ((BlockDigests{.length = kBlockBytes, .digests = {1}}.block_bytes(0)), kBlockBytes);
}

TEST(BlockDigests, SummaryTellsListsApart)
{
    const BlockDigests digests{.length = 8192, .digests = {1, 2}};
    EXPECT_EQ(digests.summary(), (BlockDigests{.length = 8192, .digests = {1, 2}}.summary()));
    EXPECT_NE(digests.summary(), (BlockDigests{.length = 8192, .digests = {2, 1}}.summary()));
    EXPECT_NE(digests.summary(), (BlockDigests{.length = 8191, .digests = {1, 2}}.summary()));
    EXPECT_NE(digests.summary(), (BlockDigests{.length = 8192, .digests = {1, 3}}.summary()));
}

class DigestFile : public ::testing::Test {
  protected:
    /// A file of random bytes; 600 KiB is more than the function reads at a time.
    void SetUp() override
    {
        name_ = folder_.write("data", content_);
        file_ = UniqueFd(checked(::open(name_.c_str(), O_RDONLY | O_CLOEXEC), "open", name_));
    }

    [[nodiscard]] BlockDigests digest(std::uint64_t offset, std::uint64_t length) const
    {
        return digest_file(file_.get(), {.offset = offset, .length = length}, name_);
    }

    tests::TempFolder folder_;
    Bytes content_ = random_bytes(600 * kKiB + 77, 1);
    std::string name_;
    UniqueFd file_;
};

TEST_F(DigestFile, RangesOfAnyOffsetAndLength)
{
    for (const std::uint64_t offset : {0, 1, 511, 4095, 4096, 4097, 100'003}) {
        for (const std::uint64_t length :
             {1, 2, 4095, 4096, 4097, 8192, 65537, 262'144, 262'145, 500'000}) {
            EXPECT_EQ(digest(offset, length),
                      digests_of(std::span(content_).subspan(offset, length)))
                << offset << ' ' << length;
        }
        EXPECT_EQ(digest(offset, content_.size() - offset),
                  digests_of(std::span(content_).subspan(offset)));
    }
}

TEST_F(DigestFile, EndsBeforeTheRangeDoes)
{
    for (const auto& [offset, length] : {std::pair{std::uint64_t{0}, content_.size() + 1},
                                         std::pair{content_.size() - 1, std::size_t{2}},
                                         std::pair{content_.size(), std::size_t{1}},
                                         std::pair{std::uint64_t{1} << 40, std::size_t{4096}}})
        EXPECT_THAT(
            thrown<TransferError>([&, at = offset, bytes = length] { (void)digest(at, bytes); }),
            ::testing::StartsWith(name_ + ": ends at byte "));
}

TEST_F(DigestFile, ReadErrorsNameTheFile)
{
    const UniqueFd folder(
        checked(::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open"));
    EXPECT_EQ(thrown<SystemError>(
                  [&] { (void)digest_file(folder.get(), {.offset = 0, .length = 1}, "folder"); }),
              "read folder: Is a directory");
}

/// A stream that sends the first `period` bytes of `source` round and round.
Bytes repeated(std::span<const std::byte> source, std::size_t period, std::size_t length)
{
    Bytes stream(length);
    for (std::size_t at = 0; at < length; ++at)
        stream[at] = source[at % period];
    return stream;
}

TEST(RepeatDigests, AreThoseOfTheRepeatedStream)
{
    const Bytes source = random_bytes(10 * kBlockBytes, 2);
    const BlockDigests digests = digests_of(source);
    for (const std::size_t period : {1, 2, 3, 7, 10}) {
        for (const std::size_t blocks : {1, 2, 7, 10, 11, 35}) {
            const auto stream = repeated(source, period * kBlockBytes, blocks * kBlockBytes);
            EXPECT_EQ(repeat_digests(digests, period * kBlockBytes, stream.size()),
                      digests_of(stream))
                << period << ' ' << blocks;
        }
    }
}

TEST(RepeatDigests, PeriodAsLongAsTheStream)
{
    const Bytes source = random_bytes(3 * kBlockBytes + 100, 3);
    const auto stream = std::span(source).first(2 * kBlockBytes);
    EXPECT_EQ(repeat_digests(digests_of(source), source.size(), stream.size()), digests_of(stream));
}

TEST(EncodeDigests, RoundTrip)
{
    for (const std::size_t length : {0, 1, 4095, 4096, 4097, 100'000}) {
        const BlockDigests digests = digests_of(random_bytes(length, length));
        EXPECT_EQ(decode_digests(length, encode_digests(digests)), digests) << length;
    }
}

TEST(EncodeDigests, LittleEndianOctets)
{
    const Bytes octets =
        encode_digests({.length = 8192, .digests = {0x0807060504030201, 0x100F0E0D0C0B0A09}});
    ASSERT_EQ(octets.size(), 16U);
    for (std::size_t i = 0; i < octets.size(); ++i)
        EXPECT_EQ(std::to_integer<std::size_t>(octets[i]), i + 1);
}

TEST(DecodeDigests, WrongSizesAreRefused)
{
    const Bytes octets(64);
    for (const auto& [length, num_octets] : {std::pair<std::uint64_t, std::size_t>{0, 8},
                                             {1, 0},
                                             {1, 7},
                                             {1, 9},
                                             {1, 16},
                                             {4096, 16},
                                             {4097, 8},
                                             {8192, 12},
                                             {8193, 16}})
        EXPECT_THROW((void)decode_digests(length, std::span(octets).first(num_octets)), UsageError)
            << length << ' ' << num_octets;
    EXPECT_EQ(thrown<UsageError>([&] { (void)decode_digests(4096, std::span(octets).first(16)); }),
              "16 octets are not the digests of 4096 bytes");
}

/// The length comes from the control peer: rounding it up must not wrap to "no blocks".
TEST(DecodeDigests, LengthsAtTheEndOfTheirTypeAreRefused)
{
    constexpr auto longest = std::numeric_limits<std::uint64_t>::max();
    for (const std::uint64_t length : {longest, longest - 1, longest - kBlockBytes + 2})
        EXPECT_THROW((void)decode_digests(length, {}), UsageError) << length;
}

} // namespace
} // namespace pagewire::core
