// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/pipeline.hpp"

#include "core/error.hpp"
#include "core/source_file.hpp"
#include "core/units.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

namespace pagewire::dataplane {

namespace {

using PacketBytes = std::span<std::byte, kPacketHeaderBytes>;

Segmenter::Limits segment_limits(const core::TransferJob& job, const Engine& engine)
{
    const bool headroom = job.dataplane.layout == core::PacketLayout::kHeadroom;
    if (!headroom && engine.num_segments_max() < 2)
        throw core::TransferError("the device takes one segment a packet, and header and page "
                                  "slices need two: use the layout 'headroom'");
    return {.payload_bytes_max = payload_room(job.mtu),
            .num_slices_max = std::min(engine.num_segments_max() - 1, Segmenter::kSlicesMax),
            .slice_bytes_max = engine.segment_bytes_max()};
}

} // namespace

Pipeline::Pipeline(const core::TransferJob& job, Engine& engine, core::FlowControl* flow)
    : job_(job),
      engine_(engine),
      flow_(flow),
      ledger_(PacketMemoryLayout::of(job.dataplane, job.mtu)),
      segmenter_(ledger_.layout(), segment_limits(job, engine)),
      header_(job.local, job.peer, job.flow)
{
    // A packet may begin at the end of one frame, and all that it touches must be there at once.
    const PacketMemoryLayout& layout = ledger_.layout();
    if (!layout.has_headroom() &&
        payload_room(job.mtu) > layout.frames_bytes() - layout.frame_bytes) {
        throw core::TransferError(
            fmt::format("{} frames of {} are too few for packets of MTU {}: use more packet "
                        "memory (umem) or larger frames (frame)",
                        layout.num_frames, core::format_bytes(layout.frame_bytes), job.mtu));
    }
    if (job.dataplane.source == core::PayloadSource::kDisk)
        open_file();
    const std::uint32_t base_align =
        layout.has_headroom() ? offset_align_ : std::max(offset_align_, kChunkBytes);
    base_offset_ = core::round_down<std::uint64_t>(job.range.offset, base_align);
    begin_ = job.range.offset - base_offset_;
    end_ = begin_ + job.range.length;
    position_ = begin_;
    num_frames_total_ = (end_ + layout.frame_bytes - 1) / layout.frame_bytes;
    read_ended_.resize(layout.num_frames);
}

void Pipeline::open_file()
{
    const PacketMemoryLayout& layout = ledger_.layout();
    const core::UniqueFd file = core::open_source_file(job_.path);
    std::string why;
    const auto alignment = core::direct_io_alignment(file.get(), why);
    if (!alignment)
        throw core::TransferError(why);
    offset_align_ = alignment->offset;
    const std::uint32_t memory_has =
        layout.has_headroom() ? PacketMemoryLayout::kSlotOffset : kChunkBytes;
    if (layout.slot_bytes % offset_align_ != 0 || memory_has % alignment->memory != 0) {
        throw core::TransferError(
            fmt::format("{}: direct I/O wants {} bytes alignment in the file and {} in "
                        "memory, which {} of {} do not have",
                        job_.path, alignment->offset, alignment->memory,
                        layout.has_headroom() ? "slots with headroom" : "frames",
                        core::format_bytes(layout.slot_bytes)));
    }
    reader_.emplace(job_.path, engine_.memory(), job_.dataplane.disk_depth);
    if (layout.has_headroom())
        read_pieces_.resize(std::size_t{layout.num_frames} * layout.slots_per_frame());
}

core::TransferReport Pipeline::run(core::TransferWatch& watch)
{
    if (!reader_)
        fill_from_memory();
    if (job_.dataplane.checksum == core::ChecksumMode::kSidecar)
        make_sidecar();
    if (job_.dataplane.protect_payload)
        protect_payload();
    watch.begin();
    pacer_.emplace(job_.dataplane.rate, core::Pacer::Clock::now());
    refill();
    while (position_ < end_ || num_staged_ > 0) {
        // 1. what the disk has brought  2. packets from it  3. to the device  4. back from it  5.
        // to the disk again
        bool progress = reap_reads();
        progress |= stage();
        progress |= submit_staged();
        if (const int error = engine_.kick(); error != 0)
            core::throw_error(error, "send", fmt::format("on {}", job_.interface));
        progress |= reclaim();
        refill();
        watch.check();
        if (!progress)
            idle(watch);
    }
    drain(watch); // kicks still send
    watch.sent();

    core::TransferReport report;
    report.bytes_sent = job_.range.length;
    report.num_turns = next_sequence_;
    report.counters = {
        {"packets", next_sequence_},        {"descriptors", num_descriptors_},
        {"disk_reads", num_disk_reads_},    {"completions_invalid", num_reclaimed_invalid_},
        {"waits_disk", num_waits_disk_},    {"waits_credit", num_waits_credit_},
        {"waits_engine", num_waits_engine_}};
    describe(report);
    engine_.describe(report);
    return report;
}

void Pipeline::describe(core::TransferReport& report) const
{
    const PacketMemoryLayout& layout = ledger_.layout();
    report.facts["frames"] =
        fmt::format("{} of {}", layout.num_frames, core::format_bytes(layout.frame_bytes));
    if (layout.has_headroom()) {
        const double used = static_cast<double>(layout.slot_bytes);
        report.facts["layout"] =
            fmt::format("header in the headroom of slots of {} bytes: {:.0f} % of the MTU's "
                        "payload, {:.0f} % of the memory are used",
                        layout.slot_bytes, 100 * used / payload_room(job_.mtu),
                        100 * used / layout.slot_stride);
    } else {
        report.facts["layout"] = "header + page slices";
    }
    switch (job_.dataplane.checksum) {
    case core::ChecksumMode::kNone:
        report.facts["checksum"] = "none: 0 on the wire";
        break;
    case core::ChecksumMode::kOffload:
        report.facts["checksum"] = "asked of the device by each packet's metadata";
        break;
    case core::ChecksumMode::kSidecar:
        report.facts["checksum"] = "from sums taken before the transfer";
        break;
    }
    report.facts["payload"] = job_.dataplane.protect_payload
                                  ? "PROT_NONE during the transfer: user space did not touch it"
                                  : "not protected";
}

/// What the CPU must not touch during the transfer, it cannot: a touch would be SIGSEGV. The kernel
/// reaches the pages by their own addresses.
void Pipeline::protect_payload()
{
    const PacketMemoryLayout& layout = ledger_.layout();
    if (layout.has_headroom())
        throw core::TransferError("headers lie in the payload's own pages in the layout "
                                  "'headroom': protect the payload with 'segments'");
    const auto frames = engine_.memory().subspan(layout.frames_offset, layout.frames_bytes());
    if (::mprotect(frames.data(), frames.size(), PROT_NONE) != 0)
        core::throw_errno("mprotect",
                          "the frames (reserved hugepages can only be protected whole)");
}

void Pipeline::make_sidecar()
{
    const SidecarStream stream{.begin = begin_, .end = end_, .base_offset = base_offset_};
    sidecar_ = reader_ ? ChecksumSidecar::of_file(job_.path, stream, segmenter_)
                       : ChecksumSidecar::of_memory(engine_.memory(), ledger_.layout(), stream,
                                                    segmenter_);
}

UdpChecksum Pipeline::checksum_of(std::uint64_t sequence) const noexcept
{
    return {.mode = job_.dataplane.checksum,
            .payload_sum = sidecar_ ? sidecar_->payload_sum(sequence) : std::uint16_t{0}};
}

std::uint64_t Pipeline::read_bytes(std::uint64_t frame_index) const
{
    // The last read stops where the range does, rounded up to the file's alignment: the kernel
    // stops at the end of the file by itself.
    const std::uint64_t from = frame_index * ledger_.layout().frame_bytes;
    return std::min<std::uint64_t>(ledger_.layout().frame_bytes,
                                   core::round_up<std::uint64_t>(end_ - from, offset_align_));
}

void Pipeline::fill_from_memory()
{
    const PacketMemoryLayout& layout = ledger_.layout();
    const core::UniqueFd file = core::open_source_file(job_.path);
    for (std::uint64_t at = 0; at < layout.frames_bytes();) {
        const std::uint64_t rest_of_slot = layout.slot_bytes - at % layout.slot_bytes;
        const ssize_t got = ::pread(file.get(), engine_.memory().data() + layout.addr_of(at),
                                    rest_of_slot, static_cast<off_t>(base_offset_ + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            core::throw_errno("read", job_.path);
        if (got == 0)
            throw core::TransferError(
                fmt::format("{}: is shorter than the packet memory that it is to fill ({})",
                            job_.path, core::format_bytes(layout.frames_bytes())));
        at += static_cast<std::uint64_t>(got);
    }
}

bool Pipeline::start_read(std::uint32_t slot, std::uint64_t frame_index)
{
    const PacketMemoryLayout& layout = ledger_.layout();
    const std::uint64_t from = base_offset_ + frame_index * layout.frame_bytes;
    const std::uint64_t length = read_bytes(frame_index);
    std::byte* first = engine_.memory().data() + layout.frame_addr(slot);
    if (!layout.has_headroom())
        return reader_->start(slot, from, static_cast<std::uint32_t>(length), first);
    const std::uint64_t num_pieces = (length + layout.slot_bytes - 1) / layout.slot_bytes;
    const auto pieces =
        std::span(read_pieces_).subspan(std::size_t{slot} * layout.slots_per_frame(), num_pieces);
    for (std::uint64_t i = 0; i < num_pieces; ++i) {
        pieces[i] = {
            .iov_base = first + i * layout.slot_stride,
            .iov_len = std::min<std::uint64_t>(layout.slot_bytes, length - i * layout.slot_bytes)};
    }
    return reader_->start_scattered(slot, from, pieces);
}

bool Pipeline::reap_reads()
{
    if (!reader_)
        return false;
    std::array<ReadDone, 32> done{};
    const std::size_t count = reader_->reap(done);
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t slot = done[i].tag;
        const std::int32_t result = done[i].result;
        if (result < 0)
            core::throw_error(-result, "read", job_.path);
        // Reads are started in order, so that the slot tells which of the frames asked for this is.
        const std::uint32_t num_slots = ledger_.layout().num_frames;
        const std::uint64_t behind = (num_frames_asked_ - 1 - slot) % num_slots;
        const std::uint64_t frame_index = num_frames_asked_ - 1 - behind;
        const std::uint64_t from = frame_index * ledger_.layout().frame_bytes;
        const std::uint64_t needed =
            std::min<std::uint64_t>(ledger_.layout().frame_bytes, end_ - from);
        if (static_cast<std::uint64_t>(result) < needed) {
            throw core::TransferError(
                fmt::format("{}: a direct read at byte {} brought {} of {} bytes", job_.path,
                            base_offset_ + from, result, needed));
        }
        ledger_.read_done(slot);
        read_ended_[slot] = true;
    }
    // Packets are cut in the file's order: a frame is ready when all before it are.
    while (num_frames_ready_ < num_frames_asked_ &&
           read_ended_[num_frames_ready_ % ledger_.layout().num_frames]) {
        read_ended_[num_frames_ready_ % ledger_.layout().num_frames] = false;
        ++num_frames_ready_;
    }
    return count > 0;
}

void Pipeline::refill()
{
    const PacketMemoryLayout& layout = ledger_.layout();
    if (!reader_ && !layout.has_headroom()) {
        // Nothing is written to these frames: each is ready again as soon as it has been cut.
        num_frames_ready_ = num_frames_total_;
        return;
    }
    if (!reader_) {
        // Headers are: a frame is ready again when no packet of it is out.
        for (; num_frames_asked_ < num_frames_total_; ++num_frames_asked_, ++num_frames_ready_) {
            const auto slot = static_cast<std::uint32_t>(num_frames_asked_ % layout.num_frames);
            if (!ledger_.is_free(slot))
                return;
            ledger_.start_read(slot);
            ledger_.read_done(slot);
        }
        return;
    }
    while (num_frames_asked_ < num_frames_total_) {
        const auto slot = static_cast<std::uint32_t>(num_frames_asked_ % layout.num_frames);
        if (!ledger_.is_free(slot))
            break;
        if (!start_read(slot, num_frames_asked_))
            break;
        ledger_.start_read(slot);
        ++num_frames_asked_;
        ++num_disk_reads_;
    }
    // Half of the disk's queue at a time: a call for each would cost more than it hides.
    const std::uint32_t reads_per_submit = std::max(1U, job_.dataplane.disk_depth / 2);
    const bool disk_idle = reader_->num_queued() == reader_->num_in_flight();
    if (reader_->num_queued() >= reads_per_submit || (disk_idle && reader_->num_queued() > 0)) {
        if (const int error = reader_->submit(); error != 0)
            core::throw_error(error, "io_uring_enter", job_.path);
    }
}

bool Pipeline::may_send_next() const noexcept
{
    return flow_ == nullptr || job_.dataplane.rate.is_limited() || next_sequence_ < flow_->limit();
}

bool Pipeline::has_credit()
{
    if (!may_send_next())
        flow_->poll_credit();
    return may_send_next();
}

bool Pipeline::stage()
{
    const PacketMemoryLayout& layout = ledger_.layout();
    const std::uint64_t ready_end = std::min(end_, num_frames_ready_ * layout.frame_bytes);
    const auto now = core::Pacer::Clock::now();
    std::size_t num_packets = 0;
    while (position_ < end_ && num_packets < kBatchPackets &&
           num_staged_ + Segmenter::kSlicesMax + 1 <= staged_.size()) {
        const std::uint32_t bytes = segmenter_.payload_bytes(position_, end_);
        if (position_ + bytes > ready_end || !has_credit() ||
            !pacer_->may_send({.bytes = position_ - begin_, .packets = next_sequence_}, now))
            break;
        const auto header_addr =
            layout.has_headroom() ? std::optional<std::uint64_t>(0) : ledger_.take_header();
        if (!header_addr)
            break;
        const auto packet =
            std::span(staged_).subspan(num_staged_).first<Segmenter::kSlicesMax + 1>();
        const std::size_t num_descriptors = segmenter_.cut(position_, bytes, *header_addr, packet);
        header_.write(PacketBytes(engine_.memory().subspan(packet[0].addr, kPacketHeaderBytes)),
                      next_sequence_, job_.stream_offset + position_ - begin_, bytes,
                      checksum_of(next_sequence_));
        for (std::size_t i = 0; i < num_descriptors; ++i)
            ledger_.lend(staged_[num_staged_ + i].addr);
        num_staged_ += num_descriptors;
        num_descriptors_ += num_descriptors;
        position_ += bytes;
        ++next_sequence_;
        ++num_packets;
    }
    // Frames behind the cut go to the disk again once the device has done with them.
    const std::uint64_t num_behind =
        position_ == end_ ? num_frames_total_ : position_ / layout.frame_bytes;
    const bool turned_over = reader_ || layout.has_headroom();
    for (; turned_over && num_frames_cut_ < num_behind; ++num_frames_cut_)
        ledger_.all_cut(static_cast<std::uint32_t>(num_frames_cut_ % layout.num_frames));
    return num_packets > 0;
}

bool Pipeline::submit_staged()
{
    if (num_staged_ == 0)
        return false;
    const std::size_t taken = engine_.submit(std::span(staged_).first(num_staged_));
    std::copy(staged_.begin() + static_cast<std::ptrdiff_t>(taken),
              staged_.begin() + static_cast<std::ptrdiff_t>(num_staged_), staged_.begin());
    num_staged_ -= taken;
    return taken > 0;
}

bool Pipeline::reclaim()
{
    const std::size_t count = engine_.reclaim(reclaimed_);
    for (std::size_t i = 0; i < count; ++i)
        num_reclaimed_invalid_ += ledger_.complete(reclaimed_[i]) ? 0 : 1;
    return count > 0;
}

void Pipeline::idle(const core::TransferWatch& watch)
{
    const std::uint64_t ready_end = num_frames_ready_ * ledger_.layout().frame_bytes;
    const bool wants_data =
        num_staged_ == 0 && position_ < end_ &&
        position_ + segmenter_.payload_bytes(position_, end_) > std::min(end_, ready_end);
    if (wants_data && reader_ && reader_->num_in_flight() > 0) {
        ++num_waits_disk_;
        if (const int error = reader_->submit(); error != 0)
            core::throw_error(error, "io_uring_enter", job_.path);
        reader_->wait(core::TransferWatch::kMaxWait);
    } else if (num_staged_ == 0 && !may_send_next()) { // stage() has just looked
        ++num_waits_credit_;
        flow_->wait_credit(next_sequence_);
    } else if (num_staged_ > 0 || wants_data) {
        ++num_waits_engine_;
        engine_.wait(std::chrono::milliseconds(1));
    } else if (job_.dataplane.rate.is_limited()) {
        // Not due yet. Others may want the CPU, another queue's thread among them.
        std::this_thread::sleep_for(core::Pacer::kBurst / 10);
    }
    watch.check();
}

void Pipeline::drain(const core::TransferWatch& watch)
{
    engine_.finish();
    while (ledger_.num_outstanding() > 0) {
        if (const int error = engine_.kick(); error != 0)
            core::throw_error(error, "send", fmt::format("on {}", job_.interface));
        if (!reclaim())
            engine_.wait(std::chrono::milliseconds(1));
        watch.check();
    }
}

} // namespace pagewire::dataplane
