// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dataplane/frame_ledger.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace pagewire::dataplane {

/// Cuts the file's bytes, lying in frames, into packets of descriptors: in the segments layout a
/// header and slices that each stay inside one chunk, in the headroom layout one descriptor that
/// begins with the header, before its slot.
///
/// Positions count from the start of frame 0's first filling: the frame that holds position p is
/// (p / frame_bytes) mod num_frames. A packet of segments may begin in one frame and end in the
/// next.
class Segmenter {
  public:
    struct Limits {
        std::uint32_t payload_bytes_max = 0; ///< what the MTU leaves for the stream's bytes
        unsigned num_slices_max = 0;         ///< descriptors of a packet less its header
        /// Octets that one descriptor may have. Less than a chunk: slices need not stay inside one
        /// (AF_XDP's unaligned mode), and are cut from the position on.
        std::uint32_t slice_bytes_max = kChunkBytes;
    };

    /// A packet of the kernel's largest (17 fragments and a header) and of any MTU up to 65535.
    static constexpr unsigned kSlicesMax = 17;

    Segmenter(const PacketMemoryLayout& layout, const Limits& limits);

    /// Payload octets of the packet that begins at `position`, of a stream that ends at `end` (both
    /// positions).
    ///
    /// Segments: where a whole page fits, the packet ends on a page boundary: every slice but the
    /// stream's first and last is then a whole page. Fewer, larger slices cost less than the last
    /// octets of the MTU would bring (docs/decisions/0004-page-cuts.md has the figures). Headroom:
    /// the rest of the slot.
    [[nodiscard]] std::uint32_t payload_bytes(std::uint64_t position,
                                              std::uint64_t end) const noexcept;

    /// Writes the descriptors of a packet with the payload [position, position + bytes) to `out`:
    /// all but the last say `more`, and the first begins with kPacketHeaderBytes of header, which
    /// is the caller's to write. `header_addr`: a free header slot; headroom needs none. Returns
    /// how many descriptors there are.
    [[nodiscard]] std::size_t cut(std::uint64_t position, std::uint32_t bytes,
                                  std::uint64_t header_addr,
                                  std::span<Descriptor, kSlicesMax + 1> out) const noexcept;

  private:
    [[nodiscard]] std::uint32_t segments_bytes(std::uint64_t position,
                                               std::uint64_t end) const noexcept;
    [[nodiscard]] std::uint32_t slice_bytes(std::uint64_t position) const noexcept;

    PacketMemoryLayout layout_;
    Limits limits_;
};

} // namespace pagewire::dataplane
