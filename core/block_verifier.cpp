// SPDX-License-Identifier: BSD-3-Clause
#include "core/block_verifier.hpp"

#include <algorithm>
#include <cstring>

namespace pagewire::core {

BlockVerifier::BlockVerifier(BlockDigests expected)
    : expected_(std::move(expected)),
      states_(expected_.num_blocks(), BlockState::kUnseen)
{}

void BlockVerifier::add(std::uint64_t offset, std::span<const std::byte> piece)
{
    if (offset >= expected_.length) {
        bytes_foreign_ += piece.size();
        return;
    }
    if (piece.size() > expected_.length - offset) {
        const auto inside = static_cast<std::size_t>(expected_.length - offset);
        bytes_foreign_ += piece.size() - inside;
        piece = piece.first(inside);
    }
    while (!piece.empty()) {
        const std::uint64_t block = offset / kBlockBytes;
        const auto at = static_cast<std::size_t>(offset % kBlockBytes);
        const std::size_t block_bytes = expected_.block_bytes(block);
        const auto part = piece.first(std::min(block_bytes - at, piece.size()));
        if (states_[block] != BlockState::kUnseen)
            bytes_duplicate_ += part.size();
        else if (part.size() == block_bytes && !partial_of_block_.contains(block))
            judge(block, part);
        else
            add_part(block, at, part);
        offset += part.size();
        piece = piece.subspan(part.size());
    }
}

BlockCounts BlockVerifier::counts() const noexcept
{
    return {.good = num_good_,
            .bad = num_judged_ - num_good_,
            .missing = expected_.num_blocks() - num_judged_};
}

void BlockVerifier::judge(std::uint64_t block, std::span<const std::byte> data)
{
    ++num_judged_;
    if (block_digest(data) == expected_.digests[block]) {
        states_[block] = BlockState::kGood;
        ++num_good_;
        bytes_good_ += data.size();
        return;
    }
    states_[block] = BlockState::kBad;
    const auto index = static_cast<std::int64_t>(block);
    first_bad_block_ = first_bad_block_ < 0 ? index : std::min(first_bad_block_, index);
}

BlockVerifier::PartialBlock& BlockVerifier::partial(std::uint64_t block)
{
    if (const auto known = partial_of_block_.find(block); known != partial_of_block_.end())
        return *known->second;
    if (partials_.size() == kMaxPartialBlocks)
        retire(partials_.begin());
    if (spare_.empty())
        spare_.emplace_back();
    partials_.splice(partials_.end(), spare_, spare_.begin());
    PartialBlock& fresh = partials_.back();
    fresh.block = block;
    fresh.num_bytes = 0;
    fresh.filled.clear();
    partial_of_block_.emplace(block, std::prev(partials_.end()));
    return fresh;
}

void BlockVerifier::retire(std::list<PartialBlock>::iterator it)
{
    partial_of_block_.erase(it->block);
    spare_.splice(spare_.begin(), partials_, it);
}

void BlockVerifier::add_part(std::uint64_t block, std::size_t at, std::span<const std::byte> part)
{
    PartialBlock& target = partial(block);
    // Walk the gaps between what is already there; only they are filled.
    auto begin = static_cast<std::uint32_t>(at);
    const auto end = static_cast<std::uint32_t>(at + part.size());
    std::size_t num_new = 0;
    const auto fill_gap = [&](std::uint32_t from, std::uint32_t to) {
        std::memcpy(target.data.data() + from, part.data() + (from - at), to - from);
        num_new += to - from;
    };
    for (const auto& [filled_begin, filled_end] : target.filled) {
        if (filled_end <= begin)
            continue;
        if (filled_begin >= end)
            break;
        if (filled_begin > begin)
            fill_gap(begin, filled_begin);
        begin = std::max(begin, filled_end);
    }
    if (begin < end)
        fill_gap(begin, end);
    bytes_duplicate_ += part.size() - num_new;
    target.num_bytes += num_new;

    // Merge [at, end) into the sorted list.
    std::pair<std::uint32_t, std::uint32_t> merged{static_cast<std::uint32_t>(at), end};
    std::erase_if(target.filled, [&](const auto& interval) {
        if (interval.second < merged.first || interval.first > merged.second)
            return false;
        merged = {std::min(merged.first, interval.first), std::max(merged.second, interval.second)};
        return true;
    });
    target.filled.insert(std::lower_bound(target.filled.begin(), target.filled.end(), merged),
                         merged);

    if (target.num_bytes == expected_.block_bytes(block)) {
        judge(block, {target.data.data(), target.num_bytes});
        retire(partial_of_block_.find(block)->second);
    }
}

} // namespace pagewire::core
