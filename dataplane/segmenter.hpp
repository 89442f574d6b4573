// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dataplane/frame_ledger.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace pagewire::dataplane {

/// Cuts the file's bytes, lying in frames, into the payload of packets: slices that each stay
/// inside one chunk.
///
/// Positions count from the start of frame 0's first filling: the frame that holds position p is
/// (p / frame_bytes) mod num_frames. A packet may begin in one frame and end in the next.
class Segmenter {
  public:
    struct Limits {
        std::uint32_t payload_bytes_max = 0; ///< what the MTU leaves for the stream's bytes
        unsigned num_slices_max = 0;         ///< descriptors of a packet less its header
    };

    /// A packet of the kernel's largest (17 fragments and a header) and of any MTU up to 65535.
    static constexpr unsigned kSlicesMax = 17;

    Segmenter(const PacketMemoryLayout& layout, const Limits& limits);

    /// Payload octets of the packet that begins at `position`, of a stream that ends at `end` (both
    /// positions).
    ///
    /// Where a whole page fits, the packet ends on a page boundary: every slice but the stream's
    /// first and last is then a whole page. Fewer, larger slices cost less than the last octets of
    /// the MTU would bring (docs/decisions/0004-page-cuts.md has the figures).
    [[nodiscard]] std::uint32_t payload_bytes(std::uint64_t position,
                                              std::uint64_t end) const noexcept;

    /// Writes the slices of [position, position + bytes) to `out`; all but the last say `more`.
    /// Returns how many.
    [[nodiscard]] std::size_t cut(std::uint64_t position, std::uint32_t bytes,
                                  std::span<Descriptor, kSlicesMax> out) const noexcept;

    [[nodiscard]] std::uint64_t addr_of(std::uint64_t position) const noexcept
    {
        const std::uint64_t frame = position / layout_.frame_bytes % layout_.num_frames;
        return layout_.frames_offset + frame * layout_.frame_bytes + position % layout_.frame_bytes;
    }

  private:
    PacketMemoryLayout layout_;
    Limits limits_;
};

} // namespace pagewire::dataplane
