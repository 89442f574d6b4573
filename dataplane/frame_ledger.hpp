// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dataplane/engine.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace pagewire::dataplane {

/// How packet memory is laid out: header slots in front, then frames. A frame is the unit that goes
/// round between disk and NIC: one read fills it, packets are cut from it, and it is filled again
/// when the NIC is done with all.
///
///     addr 0          frames_offset
///     | h h h h h ... | frame 0 | frame 1 | ...            h: kHeaderStride octets, within one
///     chunk
struct PacketMemoryLayout {
    static constexpr std::uint32_t kHeaderStride = 128;

    std::uint32_t num_headers = 0;
    std::uint64_t frames_offset = 0;
    std::uint32_t frame_bytes = 0;
    std::uint32_t num_frames = 0;

    /// The most frames that fit `memory_bytes` beside `num_headers` header slots. `frame_bytes` is
    /// a multiple of kChunkBytes. Throws core::UsageError when fewer than two frames fit.
    [[nodiscard]] static PacketMemoryLayout
    fit(std::uint64_t memory_bytes, std::uint32_t num_headers, std::uint32_t frame_bytes);

    /// The layout that a job's parameters ask for: a header slot for every ring entry.
    [[nodiscard]] static PacketMemoryLayout of(const core::DataplaneJob& job)
    {
        return fit(job.umem_bytes, job.ring_entries, job.frame_bytes);
    }

    [[nodiscard]] std::uint64_t frames_bytes() const noexcept
    {
        return static_cast<std::uint64_t>(frame_bytes) * num_frames;
    }

    [[nodiscard]] std::uint64_t frame_addr(std::uint32_t frame) const noexcept
    {
        return frames_offset + static_cast<std::uint64_t>(frame) * frame_bytes;
    }

    [[nodiscard]] std::uint64_t end() const noexcept { return frames_offset + frames_bytes(); }
};

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
