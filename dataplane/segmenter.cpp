// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/segmenter.hpp"

#include "dataplane/packet_header.hpp"

#include <algorithm>
#include <cassert>

namespace pagewire::dataplane {

Segmenter::Segmenter(const PacketMemoryLayout& layout, const Limits& limits)
    : layout_(layout),
      limits_(limits)
{
    assert(limits.payload_bytes_max > 0 && limits.num_slices_max <= kSlicesMax &&
           limits.slice_bytes_max > 0 && limits.slice_bytes_max <= kChunkBytes);
    assert(layout.has_headroom() || limits.num_slices_max > 0);
}

std::uint32_t Segmenter::payload_bytes(std::uint64_t position, std::uint64_t end) const noexcept
{
    if (!layout_.has_headroom())
        return segments_bytes(position, end);
    const std::uint64_t rest_of_slot = layout_.slot_bytes - position % layout_.slot_bytes;
    return static_cast<std::uint32_t>(std::min(rest_of_slot, end - position));
}

std::uint32_t Segmenter::segments_bytes(std::uint64_t position, std::uint64_t end) const noexcept
{
    // As many whole slices as fit, then part of one.
    std::uint64_t whole = 0;
    std::uint64_t longest = 0;
    for (unsigned i = 0; i < limits_.num_slices_max && longest < limits_.payload_bytes_max; ++i) {
        longest += slice_bytes(position + longest);
        if (longest <= limits_.payload_bytes_max)
            whole = longest;
    }
    longest = std::min<std::uint64_t>(longest, limits_.payload_bytes_max);
    const std::uint64_t rest = end - position;
    if (rest <= longest)
        return static_cast<std::uint32_t>(rest);
    return static_cast<std::uint32_t>(whole > 0 ? whole : longest);
}

/// Of the slice that begins there.
std::uint32_t Segmenter::slice_bytes(std::uint64_t position) const noexcept
{
    if (limits_.slice_bytes_max == kChunkBytes)
        return kChunkBytes - static_cast<std::uint32_t>(position % kChunkBytes);
    const std::uint64_t rest_of_frame = layout_.frame_bytes - position % layout_.frame_bytes;
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(limits_.slice_bytes_max, rest_of_frame));
}

std::size_t Segmenter::cut(std::uint64_t position, std::uint32_t bytes, std::uint64_t header_addr,
                           std::span<Descriptor, kSlicesMax + 1> out) const noexcept
{
    if (layout_.has_headroom()) {
        out[0] = {.addr = layout_.addr_of(position) - kPacketHeaderBytes,
                  .len = kPacketHeaderBytes + bytes,
                  .more = false};
        return 1;
    }
    out[0] = {.addr = header_addr, .len = kPacketHeaderBytes, .more = true};
    std::size_t count = 1;
    while (bytes > 0) {
        const std::uint32_t len = std::min(bytes, slice_bytes(position));
        bytes -= len;
        out[count++] = {.addr = layout_.addr_of(position), .len = len, .more = bytes > 0};
        position += len;
    }
    return count;
}

} // namespace pagewire::dataplane
