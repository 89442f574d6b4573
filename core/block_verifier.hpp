// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/block_digests.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace pagewire::core {

/// What became of the stream at the receiver. Blocks: good + bad + missing = all blocks of the
/// stream.
struct BlockCounts {
    std::uint64_t good = 0;
    std::uint64_t bad = 0;
    std::uint64_t missing = 0;
};

/// Checks a stream that arrives in pieces of any size, in any order, against its block digests.
///
/// Blocks that lie whole inside a piece are hashed where they lie. Blocks cut by a piece's edge are
/// put together in a bounded pool (kMaxPartialBlocks); where loss fills the pool, the oldest is
/// given up and its block stays missing, so memory never grows with the loss. Bytes that arrive
/// again are counted and ignored: the first arrival of a byte is the one that is judged.
class BlockVerifier {
  public:
    static constexpr std::size_t kMaxPartialBlocks = 4096;

    explicit BlockVerifier(BlockDigests expected);

    /// `offset` counts from the first byte of the stream. Bytes beyond its end are counted as
    /// foreign.
    void add(std::uint64_t offset, std::span<const std::byte> piece);

    [[nodiscard]] BlockCounts counts() const noexcept;

    /// Bytes that lie in good blocks: what goodput counts.
    [[nodiscard]] std::uint64_t bytes_good() const noexcept { return bytes_good_; }

    [[nodiscard]] std::uint64_t bytes_duplicate() const noexcept { return bytes_duplicate_; }

    [[nodiscard]] std::uint64_t bytes_foreign() const noexcept { return bytes_foreign_; }

    /// Every block has been judged.
    [[nodiscard]] bool complete() const noexcept { return num_judged_ == expected_.num_blocks(); }

    /// Index of the first bad block, or -1.
    [[nodiscard]] std::int64_t first_bad_block() const noexcept { return first_bad_block_; }

  private:
    enum class BlockState : std::uint8_t { kUnseen, kGood, kBad };

    struct PartialBlock {
        std::uint64_t block = 0;
        std::size_t num_bytes = 0;
        std::vector<std::pair<std::uint32_t, std::uint32_t>>
            filled; // [begin, end), sorted, disjoint
        std::array<std::byte, kBlockBytes> data;
    };

    void judge(std::uint64_t block, std::span<const std::byte> data);
    void add_part(std::uint64_t block, std::size_t at, std::span<const std::byte> part);
    PartialBlock& partial(std::uint64_t block);
    void retire(std::list<PartialBlock>::iterator it);

    BlockDigests expected_;
    std::vector<BlockState> states_;
    std::list<PartialBlock> partials_; // oldest first
    std::list<PartialBlock> spare_;
    std::unordered_map<std::uint64_t, std::list<PartialBlock>::iterator> partial_of_block_;
    std::uint64_t num_judged_ = 0;
    std::uint64_t num_good_ = 0;
    std::uint64_t bytes_good_ = 0;
    std::uint64_t bytes_duplicate_ = 0;
    std::uint64_t bytes_foreign_ = 0;
    std::int64_t first_bad_block_ = -1;
};

} // namespace pagewire::core
