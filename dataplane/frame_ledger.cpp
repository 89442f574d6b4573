// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/frame_ledger.hpp"

#include "core/error.hpp"
#include "core/units.hpp"
#include "dataplane/packet_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <numeric>

namespace pagewire::dataplane {

static_assert(kChunkBytes % PacketMemoryLayout::kHeaderStride == 0,
              "a header slot must not cross a chunk: the kernel rejects such descriptors");
static_assert(PacketMemoryLayout::kHeaderOffset + kPacketHeaderBytes <=
                  PacketMemoryLayout::kHeaderStride,
              "a header fills at most its slot");
static_assert(kPacketHeaderBytes + PacketMemoryLayout::kHeaderOffset <=
                  PacketMemoryLayout::kSlotOffset,
              "a header and its metadata fit before a slot");

namespace {

std::uint32_t checked_num_frames(std::uint64_t memory_bytes, std::uint64_t frames_offset,
                                 std::uint64_t frame_stride)
{
    const std::uint64_t num_frames =
        memory_bytes > frames_offset ? (memory_bytes - frames_offset) / frame_stride : 0;
    if (num_frames < 2) {
        throw core::UsageError(
            fmt::format("packet memory of {} holds fewer than two frames of {}: use more "
                        "(umem) or smaller frames (frame)",
                        core::format_bytes(memory_bytes), core::format_bytes(frame_stride)));
    }
    return static_cast<std::uint32_t>(num_frames);
}

} // namespace

PacketMemoryLayout PacketMemoryLayout::fit(std::uint64_t memory_bytes, std::uint32_t num_headers,
                                           std::uint32_t frame_bytes)
{
    assert(frame_bytes % kChunkBytes == 0 && frame_bytes > 0);
    const auto frames_offset = core::round_up<std::uint64_t>(
        static_cast<std::uint64_t>(num_headers) * kHeaderStride, kChunkBytes);
    return {.num_headers = num_headers,
            .frames_offset = frames_offset,
            .frame_bytes = frame_bytes,
            .num_frames = checked_num_frames(memory_bytes, frames_offset, frame_bytes),
            .slot_bytes = frame_bytes,
            .slot_stride = frame_bytes,
            .slot_offset = 0};
}

PacketMemoryLayout PacketMemoryLayout::fit_headroom(std::uint64_t memory_bytes,
                                                    std::uint32_t slot_bytes,
                                                    std::uint32_t frame_bytes)
{
    assert(slot_bytes > 0 && slot_bytes <= kSlotBytesMax);
    // Whole blocks of kChunkBytes: a stream that goes round in memory repeats after so many.
    const std::uint32_t slots_a_block = kChunkBytes / std::gcd(slot_bytes, kChunkBytes);
    const std::uint32_t num_slots =
        std::clamp(core::round_down(frame_bytes / slot_bytes, slots_a_block), slots_a_block,
                   core::round_down(kSlotsMax, slots_a_block));
    return {.num_headers = 0,
            .frames_offset = 0,
            .frame_bytes = num_slots * slot_bytes,
            .num_frames =
                checked_num_frames(memory_bytes, 0, std::uint64_t{num_slots} * kChunkBytes),
            .slot_bytes = slot_bytes,
            .slot_stride = kChunkBytes,
            .slot_offset = kSlotOffset};
}

std::uint32_t PacketMemoryLayout::slot_bytes_for(std::uint32_t mtu) noexcept
{
    return core::round_down(std::min(payload_room(mtu), kSlotBytesMax), kSlotOffset);
}

PacketMemoryLayout PacketMemoryLayout::of(const core::DataplaneJob& job, std::uint32_t mtu)
{
    if (job.layout != core::PacketLayout::kHeadroom)
        return fit(job.umem_bytes, job.ring_entries, job.frame_bytes);
    const std::uint32_t slot_bytes = slot_bytes_for(mtu);
    if (slot_bytes == 0) {
        throw core::UsageError(
            fmt::format("MTU {} leaves no room for a slot of {} bytes: use the layout 'segments', "
                        "or a larger MTU",
                        mtu, kSlotOffset));
    }
    return fit_headroom(job.umem_bytes, slot_bytes, job.frame_bytes);
}

FrameLedger::FrameLedger(const PacketMemoryLayout& layout)
    : layout_(layout),
      frames_(layout.num_frames),
      header_lent_(layout.num_headers)
{
    free_headers_.reserve(layout.num_headers);
    for (std::uint32_t slot = layout.num_headers; slot-- > 0;)
        free_headers_.push_back(slot);
}

void FrameLedger::start_read(std::uint32_t frame) noexcept
{
    assert(frames_[frame].state == FrameState::kFree);
    frames_[frame].state = FrameState::kReading;
}

void FrameLedger::read_done(std::uint32_t frame) noexcept
{
    assert(frames_[frame].state == FrameState::kReading);
    frames_[frame].state = FrameState::kReady;
}

void FrameLedger::all_cut(std::uint32_t frame) noexcept
{
    assert(frames_[frame].state == FrameState::kReady);
    frames_[frame].state = FrameState::kCut;
    free_when_done(frames_[frame]);
}

std::optional<std::uint64_t> FrameLedger::take_header() noexcept
{
    if (free_headers_.empty())
        return std::nullopt;
    const std::uint32_t slot = free_headers_.back();
    free_headers_.pop_back();
    return static_cast<std::uint64_t>(slot) * PacketMemoryLayout::kHeaderStride +
           PacketMemoryLayout::kHeaderOffset;
}

void FrameLedger::lend(std::uint64_t addr) noexcept
{
    assert(addr < layout_.end());
    if (addr < layout_.frames_offset)
        header_lent_[addr / PacketMemoryLayout::kHeaderStride] = true;
    else
        ++frames_[layout_.frame_at(addr)].num_outstanding;
    ++num_outstanding_;
}

bool FrameLedger::complete(std::uint64_t addr) noexcept
{
    if (addr >= layout_.end())
        return false;
    if (addr < layout_.frames_offset) {
        const auto slot = static_cast<std::uint32_t>(addr / PacketMemoryLayout::kHeaderStride);
        const bool is_slot =
            addr % PacketMemoryLayout::kHeaderStride == PacketMemoryLayout::kHeaderOffset &&
            slot < layout_.num_headers;
        if (!is_slot || !header_lent_[slot])
            return false;
        header_lent_[slot] = false;
        free_headers_.push_back(slot); // never beyond what the constructor reserved
    } else {
        Frame& frame = frames_[layout_.frame_at(addr)];
        if (frame.num_outstanding == 0)
            return false;
        --frame.num_outstanding;
        free_when_done(frame);
    }
    --num_outstanding_;
    return true;
}

void FrameLedger::free_when_done(Frame& frame) noexcept
{
    if (frame.state == FrameState::kCut && frame.num_outstanding == 0)
        frame.state = FrameState::kFree;
}

} // namespace pagewire::dataplane
