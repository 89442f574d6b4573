// SPDX-License-Identifier: BSD-3-Clause
#include "core/block_verifier.hpp"

#include "core/units.hpp"
#include "tests/support/random_bytes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace pagewire::core {
namespace {

using Bytes = std::vector<std::byte>;
using tests::below;
using tests::Random;
using tests::random_bytes;

BlockDigests digests_of(std::span<const std::byte> stream)
{
    BlockDigests result{.length = stream.size(), .digests = {}};
    for (std::size_t at = 0; at < stream.size(); at += kBlockBytes)
        result.digests.push_back(
            block_digest(stream.subspan(at, std::min(kBlockBytes, stream.size() - at))));
    return result;
}

struct Piece {
    std::size_t offset = 0;
    std::size_t length = 0;
};

/// The whole stream, in pieces of 1 to `longest` bytes.
std::vector<Piece> cut(std::size_t length, std::size_t longest, Random& random)
{
    std::vector<Piece> pieces;
    for (std::size_t at = 0; at < length; at += pieces.back().length)
        pieces.push_back(
            {.offset = at, .length = std::min(length - at, 1 + below(random, longest))});
    return pieces;
}

void add_all(BlockVerifier& verifier, std::span<const std::byte> stream,
             std::span<const Piece> pieces)
{
    for (const auto& [offset, length] : pieces)
        verifier.add(offset, stream.subspan(offset, length));
}

void expect_all_good(const BlockVerifier& verifier, std::size_t length)
{
    const BlockCounts counts = verifier.counts();
    EXPECT_EQ(counts.good, (length + kBlockBytes - 1) / kBlockBytes);
    EXPECT_EQ(counts.bad, 0U);
    EXPECT_EQ(counts.missing, 0U);
    EXPECT_EQ(verifier.bytes_good(), length);
    EXPECT_TRUE(verifier.complete());
    EXPECT_EQ(verifier.first_bad_block(), -1);
}

/// Streams of many lengths, cut into many sizes of pieces.
class WholeStream : public ::testing::TestWithParam<std::size_t> {
  protected:
    static constexpr std::array<std::size_t, 5> kLongestPieces{7, 1460, 4096, 5000, 100'000};

    [[nodiscard]] static std::size_t longest_of(std::size_t choice, std::size_t length)
    {
        // Short pieces of long streams only cost time.
        return std::max(kLongestPieces[choice], length / 5000);
    }

    std::size_t length_ = GetParam();
    Bytes stream_ = random_bytes(length_, length_);
    BlockDigests digests_ = digests_of(stream_);
    Random random_{length_};
};

INSTANTIATE_TEST_SUITE_P(Lengths, WholeStream,
                         ::testing::Values(1, 2, 4095, 4096, 4097, 8191, 8192, 8193, 64 * kKiB,
                                           64 * kKiB + 1, kMiB - 1, kMiB + 4097));

TEST_P(WholeStream, InOnePiece)
{
    BlockVerifier verifier(digests_);
    EXPECT_FALSE(verifier.complete());
    verifier.add(0, stream_);
    expect_all_good(verifier, length_);
    EXPECT_EQ(verifier.bytes_duplicate(), 0U);
    EXPECT_EQ(verifier.bytes_foreign(), 0U);
}

TEST_P(WholeStream, InOrder)
{
    for (std::size_t choice = 0; choice < kLongestPieces.size(); ++choice) {
        BlockVerifier verifier(digests_);
        add_all(verifier, stream_, cut(length_, longest_of(choice, length_), random_));
        expect_all_good(verifier, length_);
        EXPECT_EQ(verifier.bytes_duplicate(), 0U);
    }
}

TEST_P(WholeStream, Shuffled)
{
    for (std::size_t choice = 0; choice < kLongestPieces.size(); ++choice) {
        auto pieces = cut(length_, longest_of(choice, length_), random_);
        std::shuffle(pieces.begin(), pieces.end(), random_);
        BlockVerifier verifier(digests_);
        add_all(verifier, stream_, pieces);
        expect_all_good(verifier, length_);
        EXPECT_EQ(verifier.bytes_duplicate(), 0U);
    }
}

TEST_P(WholeStream, TwiceInTwoCuts)
{
    auto pieces = cut(length_, longest_of(1, length_), random_);
    const auto others = cut(length_, longest_of(3, length_), random_);
    pieces.insert(pieces.end(), others.begin(), others.end());
    std::shuffle(pieces.begin(), pieces.end(), random_);
    BlockVerifier verifier(digests_);
    add_all(verifier, stream_, pieces);
    expect_all_good(verifier, length_);
    EXPECT_EQ(verifier.bytes_duplicate(), length_);
}

TEST_P(WholeStream, OneFlippedByteIsOneBadBlock)
{
    for (int i = 0; i < 10; ++i) {
        Bytes wrong = stream_;
        const std::size_t at = below(random_, length_);
        wrong[at] ^= std::byte{0x40};
        BlockVerifier verifier(digests_);
        add_all(verifier, wrong, cut(length_, longest_of(1, length_), random_));
        const auto bad_block = static_cast<std::int64_t>(at / kBlockBytes);
        EXPECT_EQ(verifier.first_bad_block(), bad_block);
        EXPECT_EQ(verifier.counts().bad, 1U);
        EXPECT_EQ(verifier.counts().good, digests_.num_blocks() - 1);
        EXPECT_EQ(verifier.counts().missing, 0U);
        EXPECT_EQ(verifier.bytes_good(), length_ - digests_.block_bytes(at / kBlockBytes));
        EXPECT_TRUE(verifier.complete());
    }
}

TEST(BlockVerifier, FirstBadBlockIsTheLowestWhateverTheOrder)
{
    const Bytes stream = random_bytes(10 * kBlockBytes, 1);
    const Bytes zeros(kBlockBytes);
    BlockVerifier verifier(digests_of(stream));
    for (const auto& [block, lowest] : {std::pair{5, 5}, {7, 5}, {2, 2}, {9, 2}, {0, 0}}) {
        verifier.add(block * kBlockBytes, zeros);
        EXPECT_EQ(verifier.first_bad_block(), lowest);
    }
    EXPECT_EQ(verifier.counts().bad, 5U);
    EXPECT_EQ(verifier.counts().missing, 5U);
}

TEST(BlockVerifier, TheFirstArrivalIsJudged)
{
    const Bytes stream = random_bytes(kBlockBytes, 1);
    const Bytes zeros(kBlockBytes);
    BlockVerifier right_first(digests_of(stream));
    right_first.add(0, stream);
    right_first.add(0, zeros);
    EXPECT_EQ(right_first.counts().good, 1U);
    EXPECT_EQ(right_first.bytes_duplicate(), kBlockBytes);

    BlockVerifier wrong_first(digests_of(stream));
    wrong_first.add(0, std::span(zeros).first(10));
    wrong_first.add(0, stream);
    EXPECT_EQ(wrong_first.counts().bad, 1U);
    EXPECT_EQ(wrong_first.bytes_duplicate(), 10U);
    wrong_first.add(0, stream);
    EXPECT_EQ(wrong_first.counts().bad, 1U) << "a bad block stays bad";
    EXPECT_EQ(wrong_first.bytes_good(), 0U);
}

TEST(BlockVerifier, BytesBehindTheEndAreForeign)
{
    const Bytes stream = random_bytes(kBlockBytes + 10, 1);
    BlockVerifier verifier(digests_of(stream));
    const Bytes piece = random_bytes(100, 2);
    verifier.add(stream.size(), piece);
    verifier.add(std::numeric_limits<std::uint64_t>::max(), piece);
    verifier.add(std::numeric_limits<std::uint64_t>::max() - 50, piece);
    EXPECT_EQ(verifier.bytes_foreign(), 300U);
    EXPECT_EQ(verifier.counts().missing, 2U);

    Bytes longer = stream;
    longer.resize(stream.size() + 7);
    verifier.add(0, longer);
    EXPECT_EQ(verifier.bytes_foreign(), 307U);
    expect_all_good(verifier, stream.size());
}

TEST(BlockVerifier, EmptyStreamAndEmptyPieces)
{
    BlockVerifier nothing{BlockDigests{}};
    EXPECT_TRUE(nothing.complete());
    nothing.add(0, {});
    nothing.add(0, random_bytes(3, 1));
    EXPECT_EQ(nothing.bytes_foreign(), 3U);

    BlockVerifier verifier(digests_of(random_bytes(10, 1)));
    verifier.add(5, {});
    EXPECT_EQ(verifier.counts().missing, 1U);
    EXPECT_EQ(verifier.bytes_duplicate(), 0U);
}

/// The definitions, literally: each byte's first arrival, and no limit on memory.
class Model {
  public:
    explicit Model(const Bytes& stream)
        : stream_(stream),
          first_(stream.size()),
          is_there_(stream.size())
    {}

    void add(std::uint64_t offset, std::span<const std::byte> piece)
    {
        for (const std::byte byte : piece) {
            const std::uint64_t at = offset++;
            if (at >= stream_.size()) {
                ++num_foreign;
            } else if (is_there_[at]) {
                ++num_duplicate;
            } else {
                is_there_[at] = true;
                first_[at] = byte;
            }
        }
    }

    void judge()
    {
        for (std::size_t begin = 0; begin < stream_.size(); begin += kBlockBytes) {
            const auto from = static_cast<std::ptrdiff_t>(begin);
            const auto to =
                static_cast<std::ptrdiff_t>(std::min(begin + kBlockBytes, stream_.size()));
            if (std::find(is_there_.begin() + from, is_there_.begin() + to, false) !=
                is_there_.begin() + to) {
                ++counts.missing;
            } else if (std::equal(first_.begin() + from, first_.begin() + to,
                                  stream_.begin() + from)) {
                ++counts.good;
                bytes_good += static_cast<std::uint64_t>(to - from);
            } else {
                ++counts.bad;
                if (first_bad < 0)
                    first_bad = from / static_cast<std::ptrdiff_t>(kBlockBytes);
            }
        }
    }

    BlockCounts counts;
    std::uint64_t num_foreign = 0;
    std::uint64_t num_duplicate = 0;
    std::uint64_t bytes_good = 0;
    std::int64_t first_bad = -1;

  private:
    const Bytes& stream_;
    Bytes first_;
    std::vector<bool> is_there_;
};

/// Pieces lost, repeated, overlapping, corrupt and too long, in any order.
TEST(BlockVerifier, AnythingGoesAgainstAModel)
{
    for (std::uint64_t seed = 0; seed < 150; ++seed) {
        Random random(seed);
        const std::size_t length = 1 + below(random, 40'000);
        const std::size_t longest = 1 + below(random, below(random, 2) == 0 ? 1500 : 12'000);
        const Bytes stream = random_bytes(length, seed);
        BlockVerifier verifier(digests_of(stream));
        Model model(stream);
        const std::size_t num_pieces = 1 + below(random, 4 * (1 + length / longest));
        for (std::size_t i = 0; i < num_pieces; ++i) {
            const std::size_t offset = below(random, length + 10);
            Bytes piece(1 + below(random, longest));
            for (std::size_t k = 0; k < piece.size() && offset + k < length; ++k)
                piece[k] = stream[offset + k];
            if (below(random, 20) == 0)
                piece[below(random, piece.size())] ^= std::byte{1};
            verifier.add(offset, piece);
            model.add(offset, piece);
        }
        model.judge();
        SCOPED_TRACE(seed);
        EXPECT_EQ(verifier.counts().good, model.counts.good);
        EXPECT_EQ(verifier.counts().bad, model.counts.bad);
        EXPECT_EQ(verifier.counts().missing, model.counts.missing);
        EXPECT_EQ(verifier.complete(), model.counts.missing == 0);
        EXPECT_EQ(verifier.bytes_good(), model.bytes_good);
        EXPECT_EQ(verifier.bytes_duplicate(), model.num_duplicate);
        EXPECT_EQ(verifier.bytes_foreign(), model.num_foreign);
        EXPECT_EQ(verifier.first_bad_block(), model.first_bad);
    }
}

/// One block's content in every block: a long stream without much memory.
class ManyPartialBlocks : public ::testing::Test {
  protected:
    static constexpr std::size_t kEvicted = 100;
    static constexpr std::size_t kBlocks = BlockVerifier::kMaxPartialBlocks + kEvicted;
    static constexpr std::size_t kHalf = kBlockBytes / 2;

    void add_half(std::size_t block, bool second)
    {
        const std::size_t at = second ? kHalf : 0;
        verifier_.add(block * kBlockBytes + at, std::span(block_).subspan(at, kHalf));
    }

    void expect_counts(std::uint64_t good, std::uint64_t missing) const
    {
        EXPECT_EQ(verifier_.counts().good, good);
        EXPECT_EQ(verifier_.counts().bad, 0U);
        EXPECT_EQ(verifier_.counts().missing, missing);
    }

    Bytes block_ = random_bytes(kBlockBytes, 1);
    BlockVerifier verifier_{BlockDigests{.length = kBlocks * kBlockBytes,
                                         .digests = std::vector(kBlocks, block_digest(block_))}};
};

TEST_F(ManyPartialBlocks, AsManyAsThePoolHoldsAreAllPutTogether)
{
    for (const bool second : {false, true}) {
        for (std::size_t block = 0; block < BlockVerifier::kMaxPartialBlocks; ++block)
            add_half(block, second);
    }
    expect_counts(BlockVerifier::kMaxPartialBlocks, kEvicted);
}

TEST_F(ManyPartialBlocks, BeyondThePoolTheOldestAreGivenUp)
{
    for (std::size_t block = 0; block < kBlocks; ++block)
        add_half(block, false);
    expect_counts(0, kBlocks);

    // The youngest are all still there; of the oldest the first half is forgotten.
    for (std::size_t block = kBlocks; block-- > kEvicted;)
        add_half(block, true);
    expect_counts(kBlocks - kEvicted, kEvicted);
    for (std::size_t block = 0; block < kEvicted; ++block)
        add_half(block, true);
    expect_counts(kBlocks - kEvicted, kEvicted);
    EXPECT_EQ(verifier_.bytes_duplicate(), 0U);

    // Forgotten, not refused: when the first halves come again, the blocks are whole.
    for (std::size_t block = 0; block < kEvicted; ++block)
        add_half(block, false);
    expect_counts(kBlocks, 0);
    EXPECT_TRUE(verifier_.complete());
    EXPECT_EQ(verifier_.bytes_good(), kBlocks * kBlockBytes);
}

TEST_F(ManyPartialBlocks, LossUnderHeavyEvictionOnlyMakesBlocksMissing)
{
    Random random(1);
    for (std::size_t i = 0; i < 4 * kBlocks; ++i)
        add_half(below(random, kBlocks), below(random, 2) == 0);
    const BlockCounts counts = verifier_.counts();
    EXPECT_EQ(counts.bad, 0U);
    EXPECT_GT(counts.good, 0U);
    EXPECT_GT(counts.missing, 0U);
    EXPECT_EQ(counts.good + counts.missing, kBlocks);
    EXPECT_EQ(verifier_.bytes_good(), counts.good * kBlockBytes);
}

} // namespace
} // namespace pagewire::core
