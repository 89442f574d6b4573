// SPDX-License-Identifier: BSD-3-Clause
// io_uring: O_DIRECT reads into registered buffers (READ_FIXED), several in flight, and zero-copy
// sends from the same buffers (SEND_ZC).
//
// A TCP stream has an order and reads come back in any: so a read and its send are no linked pair.
// The sends of neighbouring buffers that are read are linked to each other instead (IOSQE_IO_LINK,
// each with MSG_WAITALL): the kernel begins each when the one before it is done, and breaks the
// link where one is cut short. One buffer's life:
//
//     free | reading | ready | sending | held | free
//          |                 |         |      the notification (IORING_CQE_F_NOTIF): not before it
//          |                 |         |      may the disk write here again
//          |                 |         the send's completion; the pages are still the kernel's
//          READ_FIXED        SEND_ZC
//
// Buffers lie on small pages. Of a hugepage, io_uring registers one piece, and a fragment's offset
// is one into that piece; io_uring/net.c, io_sg_from_iter() counts PAGE_ALIGN(length + offset) as
// the fragment's memory. 4 KiB at the end of 2 MiB are then accounted as 2 MiB: to the sender's
// socket, whose buffer is full after a few sends, and to a receiver on this machine, whose window
// closes to less than a segment, so that nothing but window probes gets through.
#include "core/error.hpp"
#include "core/units.hpp"
#include "kernelpath/direct_file.hpp"
#include "kernelpath/range_sender.hpp"
#include "kernelpath/uring.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace pagewire::kernelpath {

namespace {

/// What may be on its way at once: pages are the kernel's until the receiver has acknowledged them.
constexpr std::size_t kBufferBytesSum = 4 * core::kMiB;
constexpr std::size_t kBuffersMin = 4;
constexpr std::size_t kBuffersMax = 256;
constexpr std::size_t kReadsMax = 16;
constexpr std::size_t kLinkedMax = 8;
constexpr std::chrono::seconds kLastNotifications{1};

enum class State : std::uint8_t { kFree, kReading, kReady, kSending, kHeld };

struct Buffer {
    State state = State::kFree;
    std::uint64_t read_offset = 0; // of the block that its first byte is of
    std::size_t read_bytes = 0;    // so far
    std::size_t read_wanted = 0;
    std::size_t begin = 0; // of the payload that is still to be sent
    std::size_t end = 0;
    std::uint32_t num_sends = 0; // from it, the ones that were refused or cancelled included
    std::vector<std::uint32_t> pending = {}; // of these, the ones that will be notified of
};

class UringSendZc final : public RangeSender {
  public:
    explicit UringSendZc(const core::TransferJob& job)
        : job_(job),
          file_(job),
          chunk_bytes_(std::min<std::uint64_t>(job.chunk_bytes, job.range.length)),
          stride_(file_.buffer_bytes(chunk_bytes_)),
          buffers_(std::clamp(kBufferBytesSum / chunk_bytes_, kBuffersMin, kBuffersMax)),
          memory_(file_.buffers(chunk_bytes_, buffers_.size(), core::Mapping::Pages::kSmall)),
          ring_(static_cast<unsigned>(2 * buffers_.size()))
    {
        ring_.register_buffer(memory_.bytes());
    }

    void send(const core::ByteRange& range, TcpStream& stream,
              core::TransferReport& report) override
    {
        std::uint64_t at = range.offset; // up to which reads were asked for
        while (at < range.end() || first_ != next_) {
            while (at < range.end() && start_read(at, range.end()))
                ;
            if (num_sending_ == 0)
                start_sends(stream.fd(), at < range.end());
            ring_.wait(stream);
            ring_.reap([&](const io_uring_cqe& cqe) { take(cqe, report); });
            if (refused_) { // the kernel is short of memory: it will not be at once
                refused_ = false;
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        }
    }

    void conclude(TcpStream& stream, core::TransferReport& report) override
    {
        const auto deadline = std::chrono::steady_clock::now() + kLastNotifications;
        while (num_notifications_ > 0 && std::chrono::steady_clock::now() < deadline) {
            ring_.wait(stream);
            ring_.reap([&](const io_uring_cqe& cqe) { take(cqe, report); });
        }
        report.zero_copy_requested = "SEND_ZC";
        report.facts["buffers"] = fmt::format("{} of {} bytes", buffers_.size(), stride_);
        if (num_notifications_ > 0)
            report.facts["notifications"] = "some did not come within a second of the last byte";
        report.counters["zerocopy_notifications"] = num_notified_;
        report.counters["zerocopy_copied"] = num_copied_;
        report.counters["zerocopy_refused"] = num_refused_;
        if (!reports_usage_)
            report.facts["usage"] = "this kernel reports none (Linux 6.2)";
        else if (num_notified_ > 0)
            report.zero_copy_kernel_reported = num_copied_ == 0               ? "zero-copy"
                                               : num_copied_ == num_notified_ ? "copy"
                                                                              : "partly";
    }

  private:
    enum class Kind : std::uint64_t { kRead, kSend };

    /// A submission's user_data: what it is, of which buffer, and which of its sends.
    static constexpr std::uint64_t tag(Kind kind, std::size_t number, std::uint32_t send) noexcept
    {
        return (std::uint64_t{send} << 32U) | (number << 1U) | static_cast<std::uint64_t>(kind);
    }

    [[nodiscard]] Buffer& buffer(std::uint64_t sequence) noexcept
    {
        return buffers_[sequence % buffers_.size()];
    }

    [[nodiscard]] std::byte* memory_of(std::size_t number) noexcept
    {
        return memory_.data() + number * stride_;
    }

    /// The next chunk from `at` on, which moves behind it. False: no buffer is free, or enough
    /// reads are under way.
    bool start_read(std::uint64_t& at, std::uint64_t end)
    {
        Buffer& next = buffer(next_);
        if (next.state != State::kFree || num_reading_ >= kReadsMax)
            return false;
        const std::uint64_t length = std::min<std::uint64_t>(chunk_bytes_, end - at);
        next.read_offset = file_.block_floor(at);
        next.read_bytes = 0;
        next.read_wanted = file_.block_ceil(at + length) - next.read_offset;
        next.begin = at - next.read_offset;
        next.end = next.begin + length;
        if (!queue_read(next_ % buffers_.size()))
            return false;
        ++next_;
        at += length;
        return true;
    }

    /// What is missing of the buffer's read.
    bool queue_read(std::size_t number)
    {
        io_uring_sqe* sqe = ring_.next();
        if (sqe == nullptr)
            return false;
        Buffer& wanted = buffers_[number];
        ::io_uring_prep_read_fixed(sqe, file_.fd(), memory_of(number) + wanted.read_bytes,
                                   static_cast<unsigned>(wanted.read_wanted - wanted.read_bytes),
                                   wanted.read_offset + wanted.read_bytes, 0);
        ::io_uring_sqe_set_data64(sqe, tag(Kind::kRead, number, 0));
        wanted.state = State::kReading;
        ++num_reading_;
        return true;
    }

    /// The buffers that are ready, in the stream's order, each linked to the next.
    void start_sends(int socket, bool more_to_read)
    {
        io_uring_sqe* last = nullptr;
        for (std::uint64_t i = first_;
             i != next_ && i - first_ < kLinkedMax && buffer(i).state == State::kReady; ++i) {
            io_uring_sqe* sqe = ring_.next();
            if (sqe == nullptr)
                break;
            if (last != nullptr)
                last->flags |= IOSQE_IO_LINK;
            const std::size_t number = i % buffers_.size();
            Buffer& ready = buffers_[number];
            // Nothing is held back for data that a notification must come for first.
            const bool more =
                i + 1 != next_ || (more_to_read && buffer(next_).state == State::kFree);
            ::io_uring_prep_send_zc_fixed(sqe, socket, memory_of(number) + ready.begin,
                                          ready.end - ready.begin,
                                          MSG_WAITALL | MSG_NOSIGNAL | (more ? MSG_MORE : 0),
                                          reports_usage_ ? kSendZcReportUsage : 0U, 0);
            ::io_uring_sqe_set_data64(sqe, tag(Kind::kSend, number, ++ready.num_sends));
            ready.state = State::kSending;
            ++num_sending_;
            last = sqe;
        }
    }

    void take(const io_uring_cqe& cqe, core::TransferReport& report)
    {
        const auto number = static_cast<std::size_t>((cqe.user_data & UINT32_MAX) >> 1U);
        if ((cqe.user_data & 1U) == static_cast<std::uint64_t>(Kind::kRead))
            take_read(number, cqe.res);
        else if ((cqe.flags & IORING_CQE_F_NOTIF) != 0)
            take_notification(buffers_[number], cqe);
        else
            take_send(buffers_[number], cqe, report);
    }

    void take_read(std::size_t number, int result)
    {
        Buffer& read = buffers_[number];
        --num_reading_;
        if (result < 0 && result != -EAGAIN && result != -EINTR)
            core::throw_error(-result, "READ_FIXED", job_.path);
        if (result == 0)
            throw_file_ended(job_, read.read_offset + read.read_bytes);
        read.read_bytes += static_cast<std::size_t>(std::max(result, 0));
        if (read.read_bytes >= read.end)
            read.state = State::kReady;
        else if (read.read_bytes % file_.block_bytes() != 0)
            throw_file_ended(job_, read.read_offset + read.read_bytes);
        else if (!queue_read(number))
            throw core::TransferError("io_uring has no room for the rest of a read");
    }

    void take_notification(Buffer& held, const io_uring_cqe& cqe)
    {
        // A send that was cancelled has a notification too, though its completion announced none
        // (io_uring/net.c, io_send_zc_cleanup()): it says nothing of the buffer, which may be under
        // way with another send by now.
        const auto send = static_cast<std::uint32_t>(cqe.user_data >> 32U);
        if (std::erase(held.pending, send) == 0)
            return;
        ++num_notified_;
        if (reports_usage_ && (static_cast<std::uint32_t>(cqe.res) & kNotifUsageZcCopied) != 0)
            ++num_copied_;
        --num_notifications_;
        if (held.pending.empty() && held.state == State::kHeld)
            held.state = State::kFree;
    }

    void take_send(Buffer& sent, const io_uring_cqe& cqe, core::TransferReport& report)
    {
        --num_sending_;
        if ((cqe.flags & IORING_CQE_F_MORE) != 0) { // a notification will follow
            sent.pending.push_back(static_cast<std::uint32_t>(cqe.user_data >> 32U));
            ++num_notifications_;
        }
        sent.state = State::kReady; // where there is a rest
        if (cqe.res < 0)
            return excuse(-cqe.res);
        sent.begin += static_cast<std::size_t>(cqe.res);
        report.bytes_sent += static_cast<std::uint64_t>(cqe.res);
        if (sent.begin < sent.end)
            return;
        sent.state = sent.pending.empty() ? State::kFree : State::kHeld;
        ++first_;
        ++report.num_turns;
    }

    /// Errors after which the send is simply made again; others end the transfer.
    void excuse(int error)
    {
        switch (error) {
        case ECANCELED: // one before it in the chain was cut short
        case EAGAIN:
        case EINTR:
            return;
        case ENOBUFS:
        case ENOMEM:
            ++num_refused_;
            refused_ = true;
            return;
        default:
            core::throw_error(error, "SEND_ZC", "connection to the sink");
        }
    }

    const core::TransferJob& job_;
    DirectFile file_;
    std::size_t chunk_bytes_;
    std::size_t stride_; // from one buffer to the next
    std::vector<Buffer> buffers_;
    core::Mapping memory_;
    Uring ring_; // goes before the memory does

    std::uint64_t first_ = 0; // buffers in the stream's order, modulo their number: the first one
                              // that is not sent
    std::uint64_t next_ = 0;  // the next one to be read into
    std::size_t num_reading_ = 0;
    std::size_t num_sending_ = 0;
    std::uint64_t num_notifications_ = 0; // outstanding
    std::uint64_t num_notified_ = 0;
    std::uint64_t num_copied_ = 0;
    std::uint64_t num_refused_ = 0;
    bool refused_ = false;
    bool reports_usage_ = reports_send_zc_usage();
};

constexpr std::array kPath{
    core::PathStep{"registered buffer",
                   "READ_FIXED with O_DIRECT: the disk writes it, past the page cache",
                   core::StepCost::kDiskDma},
    core::PathStep{"socket's fragments", "SEND_ZC: references to the buffer's pages, nothing moves",
                   core::StepCost::kCopyToKernel},
    core::PathStep{"the driver's descriptors",
                   "the buffer's pages; without scatter/gather the CPU copies",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches headers and the buffer's pages",
                   core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_uring_send_zc;
constinit const core::Method method_uring_send_zc{
    .name = "uring_send_zc",
    .summary = "io_uring: O_DIRECT into registered buffers, SEND_ZC from them to a TCP socket",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = {},
    .textbook =
        core::Textbook{.crossings = 2, .cpu_copies = 0, .dma = 2, .crossings_at_most = true},
    .path = kPath,
    .has_chunks = true,
    .needs_direct_io = true,
    .probe = [] { return probe_uring(IORING_OP_SEND_ZC, "SEND_ZC (Linux 6.0)"); },
    .run = run_with<UringSendZc>,
    .answer = answer_with<UringSendZc>,
};

} // namespace pagewire::kernelpath
