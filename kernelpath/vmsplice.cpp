// SPDX-License-Identifier: BSD-3-Clause
// pread(2) with O_DIRECT into user memory, vmsplice(2) of its pages into a pipe, splice(2) from the
// pipe to the socket: references all the way.
//
// The hazard: nothing ever says when the socket has done with such a page. Not even that the peer
// has acknowledged its bytes, for a receiver on the same machine has the page itself in its queue.
// Whoever writes to it again changes what arrives. So these pages are given away for good
// (SPLICE_F_GIFT): after each turn the memory is let go of (madvise(2), MADV_DONTNEED), and the
// next read finds new pages in its place. What is on its way keeps the old ones.
#include "core/error.hpp"
#include "kernelpath/direct_file.hpp"
#include "kernelpath/range_sender.hpp"
#include "kernelpath/splice_pipe.hpp"

#include <fcntl.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>

namespace pagewire::kernelpath {

namespace {

class Vmsplice final : public RangeSender {
  public:
    explicit Vmsplice(const core::TransferJob& job)
        : file_(job),
          chunk_bytes_(std::min<std::uint64_t>(job.chunk_bytes, job.range.length)),
          memory_(file_.buffers(chunk_bytes_, 1, core::Mapping::Pages::kSmall)),
          pipe_(chunk_bytes_)
    {}

    void send(const core::ByteRange& range, TcpStream& stream,
              core::TransferReport& report) override
    {
        report.facts.insert(pipe_.facts().begin(), pipe_.facts().end());
        for (std::uint64_t at = range.offset; at < range.end(); ++report.num_turns) {
            const auto length = std::min<std::uint64_t>(chunk_bytes_, range.end() - at);
            const auto data = file_.read({.offset = at, .length = length}, memory_.bytes(), stream);
            at += data.size();
            give(data, at < range.end(), stream);
            report.bytes_sent += data.size();
            memory_.discard();
        }
    }

  private:
    /// As much at once as the pipe holds: where its size was refused, or where the bytes begin
    /// within a page, there is a rest.
    void give(std::span<const std::byte> data, bool more, const TcpStream& stream)
    {
        while (!data.empty()) {
            const iovec part{.iov_base = const_cast<std::byte*>(data.data()),
                             .iov_len = data.size()};
            const ssize_t taken = ::vmsplice(pipe_.write_end(), &part, 1, SPLICE_F_GIFT);
            if (taken < 0 && errno != EINTR)
                core::throw_errno("vmsplice");
            stream.check();
            if (taken <= 0)
                continue;
            data = data.subspan(static_cast<std::size_t>(taken));
            pipe_.drain(static_cast<std::size_t>(taken), more || !data.empty(), stream);
        }
    }

    DirectFile file_;
    std::size_t chunk_bytes_;
    core::Mapping memory_;
    SplicePipe pipe_;
};

constexpr std::array kPath{
    core::PathStep{"user memory", "pread(2) with O_DIRECT: the disk writes it, past the page cache",
                   core::StepCost::kDiskDma},
    core::PathStep{"pipe", "vmsplice(2): references to the pages, nothing moves",
                   core::StepCost::kNone},
    core::PathStep{"socket's fragments", "splice(2): the references go on, nothing moves",
                   core::StepCost::kCopyToKernel},
    core::PathStep{"the driver's descriptors",
                   "the same pages; without scatter/gather the CPU copies",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches headers and pages", core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_vmsplice;
constinit const core::Method method_vmsplice{
    .name = "vmsplice",
    .summary = "O_DIRECT into user pages, given away by vmsplice(2) and splice(2) to a TCP socket",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = {},
    .textbook = core::Textbook{.crossings = 8, .cpu_copies = 0, .dma = 2},
    .path = kPath,
    .has_chunks = true,
    .needs_direct_io = true,
    .probe = [] { return core::Support::available(); },
    .run = run_with<Vmsplice>,
    .answer = answer_with<Vmsplice>,
};

} // namespace pagewire::kernelpath
