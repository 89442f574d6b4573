// SPDX-License-Identifier: BSD-3-Clause
// io_uring: SPLICE from the file into a pipe, SPLICE from the pipe to the socket, many such pairs
// in one chain (IOSQE_IO_LINK): splice(2)'s way with a fraction of its calls.
//
// The kernel does one after the other, in a thread of its own (io_uring/splice.c: a splice may
// block, so it is never done within the call). One that moves less than it was asked for breaks
// the chain, and what is behind it is cancelled. Then the next chain begins with what the pipe
// still holds.
#include "core/error.hpp"
#include "kernelpath/range_sender.hpp"
#include "kernelpath/splice_pipe.hpp"
#include "kernelpath/uring.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <limits>

namespace pagewire::kernelpath {

namespace {

constexpr unsigned kPairsMax = 8; // of a chain

class UringSplice final : public RangeSender {
  public:
    explicit UringSplice(const core::TransferJob& job)
        : job_(job),
          file_(open_source(job)),
          pipe_(std::min<std::uint64_t>(job.chunk_bytes, job.range.length)),
          chunk_bytes_(std::min<std::uint64_t>(job.chunk_bytes, pipe_.size_bytes())),
          ring_(2 * kPairsMax + 1)
    {}

    void send(const core::ByteRange& range, TcpStream& stream,
              core::TransferReport& report) override
    {
        report.facts.insert(pipe_.facts().begin(), pipe_.facts().end());
        at_ = range.offset;
        while (at_ < range.end() || in_pipe_ > 0) {
            queue_chain(range.end(), stream.fd());
            while (num_under_way_ > 0) {
                ring_.wait(stream, num_under_way_);
                ring_.reap([&](const io_uring_cqe& cqe) { take(cqe, report); });
            }
        }
    }

  private:
    enum class Kind : std::uint64_t { kIntoPipe, kToSocket };

    /// What the pipe holds, then pairs of a chunk each.
    void queue_chain(std::uint64_t end, int socket)
    {
        last_ = nullptr;
        if (in_pipe_ > 0)
            queue_to_socket(in_pipe_, at_ < end, socket);
        std::uint64_t at = at_;
        for (unsigned i = 0; i < kPairsMax && at < end; ++i) {
            const std::uint64_t length = std::min(chunk_bytes_, end - at);
            queue(Kind::kIntoPipe, file_.get(), static_cast<std::int64_t>(at), pipe_.write_end(),
                  length, 0);
            at += length;
            queue_to_socket(length, at < end, socket);
        }
    }

    void queue_to_socket(std::uint64_t length, bool more, int socket)
    {
        queue(Kind::kToSocket, pipe_.read_end(), -1, socket, length, more ? SPLICE_F_MORE : 0U);
    }

    void queue(Kind kind, int from, std::int64_t from_offset, int to, std::uint64_t length,
               unsigned flags)
    {
        io_uring_sqe* sqe = ring_.next(); // the ring has room for a whole chain
        if (last_ != nullptr)
            last_->flags |= IOSQE_IO_LINK;
        ::io_uring_prep_splice(sqe, from, from_offset, to, -1, static_cast<unsigned>(length),
                               flags);
        ::io_uring_sqe_set_data64(sqe, static_cast<std::uint64_t>(kind));
        last_ = sqe;
        ++num_under_way_;
    }

    void take(const io_uring_cqe& cqe, core::TransferReport& report)
    {
        --num_under_way_;
        const bool into_pipe = cqe.user_data == static_cast<std::uint64_t>(Kind::kIntoPipe);
        if (cqe.res < 0) {
            // Cancelled: one before it in the chain was cut short. The others: the socket's time
            // for a call is over, or the call was interrupted.
            if (cqe.res != -ECANCELED && cqe.res != -EAGAIN && cqe.res != -EINTR)
                core::throw_error(-cqe.res, "SPLICE",
                                  into_pipe ? job_.path : "connection to the sink");
            return;
        }
        const auto moved = static_cast<std::uint64_t>(cqe.res);
        if (!into_pipe) {
            in_pipe_ -= moved;
            report.bytes_sent += moved;
            return;
        }
        if (moved == 0)
            throw_file_ended(job_, at_);
        at_ += moved;
        in_pipe_ += moved;
        ++report.num_turns;
    }

    const core::TransferJob& job_;
    core::UniqueFd file_;
    SplicePipe pipe_;
    std::uint64_t chunk_bytes_;
    Uring ring_; // goes before the pipe and the file do

    std::uint64_t at_ = 0; // up to which the pipe has got the file's bytes
    std::uint64_t in_pipe_ = 0;
    unsigned num_under_way_ = 0;
    io_uring_sqe* last_ = nullptr; // of the chain that is queued
};

constexpr std::array kPath{
    core::PathStep{"page cache", "the disk writes the pages, read ahead", core::StepCost::kDiskDma},
    core::PathStep{"pipe", "SPLICE: references to the pages, nothing moves",
                   core::StepCost::kCopyToUser},
    core::PathStep{"socket's fragments", "SPLICE: the references go on, nothing moves",
                   core::StepCost::kCopyToKernel},
    core::PathStep{"the driver's descriptors",
                   "the page-cache pages themselves; without scatter/gather the CPU copies",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches headers and page-cache pages", core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_uring_splice;
constinit const core::Method method_uring_splice{
    .name = "uring_splice",
    .summary = "io_uring: chains of SPLICE from the file into a pipe and on to a TCP socket",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = {},
    .textbook =
        core::Textbook{.crossings = 2, .cpu_copies = 0, .dma = 2, .crossings_at_most = true},
    .path = kPath,
    .has_chunks = true,
    .probe = [] { return probe_uring(IORING_OP_SPLICE, "SPLICE"); },
    .run = run_with<UringSplice>,
    .answer = answer_with<UringSplice>,
};

} // namespace pagewire::kernelpath
