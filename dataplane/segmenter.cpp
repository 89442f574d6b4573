// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/segmenter.hpp"

#include "core/units.hpp"

#include <algorithm>
#include <cassert>

namespace pagewire::dataplane {

Segmenter::Segmenter(const PacketMemoryLayout& layout, const Limits& limits)
    : layout_(layout),
      limits_(limits)
{
    assert(limits.payload_bytes_max > 0 && limits.num_slices_max > 0 &&
           limits.num_slices_max <= kSlicesMax);
}

std::uint32_t Segmenter::payload_bytes(std::uint64_t position, std::uint64_t end) const noexcept
{
    // Frames begin on chunk boundaries, so that the offset within a chunk is that of the position.
    const std::uint64_t in_chunk = position % kChunkBytes;
    const std::uint64_t by_slices =
        static_cast<std::uint64_t>(limits_.num_slices_max) * kChunkBytes - in_chunk;
    const std::uint64_t longest = std::min<std::uint64_t>(limits_.payload_bytes_max, by_slices);
    const std::uint64_t rest = end - position;
    if (rest <= longest)
        return static_cast<std::uint32_t>(rest);
    const std::uint64_t last_page = core::round_down(position + longest, kChunkBytes);
    return static_cast<std::uint32_t>(last_page > position ? last_page - position : longest);
}

std::size_t Segmenter::cut(std::uint64_t position, std::uint32_t bytes,
                           std::span<Descriptor, kSlicesMax> out) const noexcept
{
    std::size_t num_slices = 0;
    while (bytes > 0) {
        const std::uint64_t addr = addr_of(position);
        const std::uint32_t len =
            std::min(bytes, kChunkBytes - static_cast<std::uint32_t>(addr % kChunkBytes));
        bytes -= len;
        position += len;
        out[num_slices++] = {.addr = addr, .len = len, .more = bytes > 0};
    }
    return num_slices;
}

} // namespace pagewire::dataplane
