// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dataplane/engine.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace pagewire::dataplane {

/// How packet memory is laid out. A frame is the unit that goes round between disk and NIC: one
/// read fills it, packets are cut from it, and it is filled again when the NIC is done with all.
///
/// Segments: header slots in front, then frames without gaps, so that a packet is a header and
/// slices of whatever pages its bytes lie in.
///
///     addr 0          frames_offset
///     | h h h h h ... | frame 0 | frame 1 | ...
///
/// Headroom: a frame is a row of chunks, each with a slot that one vectored read fills and that one
/// packet is made of, with room before it for the packet's header.
///
///     | room, slot, rest | room, slot, rest | ...             a chunk each, kSlotOffset octets of
///     room
struct PacketMemoryLayout {
    static constexpr std::uint32_t kHeaderStride = 128; ///< a slot lies within one chunk
    static constexpr std::uint32_t kHeaderOffset = 32;  ///< room for an engine's metadata before it
    static constexpr std::uint32_t kSlotOffset = 512;   ///< what O_DIRECT may ask of an address
    static constexpr std::uint32_t kSlotsMax = 1024;    ///< pieces of one read: IOV_MAX

    std::uint32_t num_headers = 0;
    std::uint64_t frames_offset = 0;
    std::uint32_t frame_bytes = 0; ///< of the file
    std::uint32_t num_frames = 0;
    std::uint32_t slot_bytes = 0;  ///< bytes of the file without a gap; frame_bytes: no gaps
    std::uint32_t slot_stride = 0; ///< from one slot to the next
    std::uint32_t slot_offset = 0;

    /// Segments: the most frames that fit `memory_bytes` beside `num_headers` header slots.
    /// `frame_bytes` is a multiple of kChunkBytes. Throws core::UsageError when fewer than two
    /// frames fit.
    [[nodiscard]] static PacketMemoryLayout
    fit(std::uint64_t memory_bytes, std::uint32_t num_headers, std::uint32_t frame_bytes);

    /// Headroom: frames of about `frame_bytes`, in slots of `slot_bytes` <= kSlotBytesMax, a
    /// multiple of kSlotOffset.
    [[nodiscard]] static PacketMemoryLayout
    fit_headroom(std::uint64_t memory_bytes, std::uint32_t slot_bytes, std::uint32_t frame_bytes);

    /// Bytes of a slot for packets of this MTU: the largest multiple of kSlotOffset that MTU and
    /// chunk leave; 0 where there is none.
    [[nodiscard]] static std::uint32_t slot_bytes_for(std::uint32_t mtu) noexcept;

    /// The layout that a job asks for. Segments have a header slot for every ring entry.
    [[nodiscard]] static PacketMemoryLayout of(const core::DataplaneJob& job, std::uint32_t mtu);

    /// Bytes of the file that all frames hold.
    [[nodiscard]] std::uint64_t frames_bytes() const noexcept
    {
        return static_cast<std::uint64_t>(frame_bytes) * num_frames;
    }

    [[nodiscard]] bool has_headroom() const noexcept { return slot_offset > 0; }

    [[nodiscard]] std::uint32_t slots_per_frame() const noexcept
    {
        return frame_bytes / slot_bytes;
    }

    /// From one frame to the next.
    [[nodiscard]] std::uint64_t frame_stride() const noexcept
    {
        return static_cast<std::uint64_t>(slots_per_frame()) * slot_stride;
    }

    /// Of the first slot's first byte.
    [[nodiscard]] std::uint64_t frame_addr(std::uint32_t frame) const noexcept
    {
        return frames_offset + frame * frame_stride() + slot_offset;
    }

    /// Of the byte at a position, which counts from frame 0's first filling.
    [[nodiscard]] std::uint64_t addr_of(std::uint64_t position) const noexcept
    {
        const std::uint64_t frame = position / frame_bytes % num_frames;
        const std::uint64_t in_frame = position % frame_bytes;
        return frames_offset + frame * frame_stride() + in_frame / slot_bytes * slot_stride +
               slot_offset + in_frame % slot_bytes;
    }

    /// The frame that an address behind frames_offset lies in.
    [[nodiscard]] std::uint64_t frame_at(std::uint64_t addr) const noexcept
    {
        return (addr - frames_offset) / frame_stride();
    }

    [[nodiscard]] std::uint64_t end() const noexcept
    {
        return frames_offset + num_frames * frame_stride();
    }
};

/// What one chunk has room for behind kSlotOffset.
inline constexpr std::uint32_t kSlotBytesMax = kChunkBytes - PacketMemoryLayout::kSlotOffset;

/// Who owns each frame and each header slot, when.
///
///     frame:   kFree --start_read()--> kReading --read_done()--> kReady --all_cut()--> kCut
///                ^                                                                     |
///                +------------------- every lent descriptor completed -----------------+
///     header:  free --take_header(), lend()--> at the engine --complete()--> free
///
/// A frame is refilled only when it is cut to its end and no descriptor of it is outstanding.
/// Completions are not trusted: an address outside the memory, or of something not lent, is refused
/// and changes nothing.
class FrameLedger {
  public:
    enum class FrameState : std::uint8_t { kFree, kReading, kReady, kCut };

    explicit FrameLedger(const PacketMemoryLayout& layout);

    [[nodiscard]] bool is_free(std::uint32_t frame) const noexcept
    {
        return frames_[frame].state == FrameState::kFree;
    }

    void start_read(std::uint32_t frame) noexcept;
    void read_done(std::uint32_t frame) noexcept;

    /// No further packet will be cut from the frame.
    void all_cut(std::uint32_t frame) noexcept;

    /// Address of a free header slot, if there is one. It is taken until its descriptor completes.
    [[nodiscard]] std::optional<std::uint64_t> take_header() noexcept;

    /// A descriptor at this address goes to the engine.
    void lend(std::uint64_t addr) noexcept;

    /// The engine has done with it. False: no such loan.
    [[nodiscard]] bool complete(std::uint64_t addr) noexcept;

    [[nodiscard]] std::uint64_t num_outstanding() const noexcept { return num_outstanding_; }

    [[nodiscard]] const PacketMemoryLayout& layout() const noexcept { return layout_; }

  private:
    struct Frame {
        std::uint32_t num_outstanding = 0;
        FrameState state = FrameState::kFree;
    };

    void free_when_done(Frame& frame) noexcept;

    PacketMemoryLayout layout_;
    std::vector<Frame> frames_;
    std::vector<std::uint32_t> free_headers_; // a stack: the slot used last is the warmest
    std::vector<bool> header_lent_;
    std::uint64_t num_outstanding_ = 0;
};

} // namespace pagewire::dataplane
