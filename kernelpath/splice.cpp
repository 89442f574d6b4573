// SPDX-License-Identifier: BSD-3-Clause
// splice(2) from the file into a pipe, splice(2) from the pipe to the socket: the pages themselves
// go through, by reference.
#include "core/error.hpp"
#include "kernelpath/range_sender.hpp"
#include "kernelpath/splice_pipe.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>

namespace pagewire::kernelpath {

namespace {

class Splice final : public RangeSender {
  public:
    explicit Splice(const core::TransferJob& job)
        : job_(job),
          file_(open_source(job)),
          pipe_(std::min<std::uint64_t>(job.chunk_bytes, job.range.length))
    {}

    void send(const core::ByteRange& range, TcpStream& stream,
              core::TransferReport& report) override
    {
        report.facts.insert(pipe_.facts().begin(), pipe_.facts().end());
        auto offset = static_cast<off_t>(range.offset);
        while (static_cast<std::uint64_t>(offset) < range.end()) {
            const auto at = static_cast<std::uint64_t>(offset);
            const auto want = std::min<std::uint64_t>(job_.chunk_bytes, range.end() - at);
            // As much as the pipe holds: short where its size was refused, or where the range
            // begins within a page.
            const ssize_t got = ::splice(file_.get(), &offset, pipe_.write_end(), nullptr, want, 0);
            if (got < 0 && errno == EINTR) {
                stream.check();
                continue;
            }
            if (got < 0)
                core::throw_errno("splice", job_.path);
            if (got == 0)
                throw_file_ended(job_, at);
            pipe_.drain(static_cast<std::size_t>(got),
                        static_cast<std::uint64_t>(offset) < range.end(), stream);
            report.bytes_sent += static_cast<std::uint64_t>(got);
            ++report.num_turns;
        }
    }

  private:
    const core::TransferJob& job_;
    core::UniqueFd file_;
    SplicePipe pipe_;
};

constexpr std::array kPath{
    core::PathStep{"page cache", "the disk writes the pages, read ahead", core::StepCost::kDiskDma},
    core::PathStep{"pipe", "splice(2): references to the pages, nothing moves",
                   core::StepCost::kCopyToUser},
    core::PathStep{"socket's fragments", "splice(2): the references go on, nothing moves",
                   core::StepCost::kCopyToKernel},
    core::PathStep{"the driver's descriptors",
                   "the page-cache pages themselves; without scatter/gather the CPU copies",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches headers and page-cache pages", core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_splice;
constinit const core::Method method_splice{
    .name = "splice",
    .summary = "splice(2) from the file into a pipe, and from the pipe to a TCP socket",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = {},
    .textbook = core::Textbook{.crossings = 4, .cpu_copies = 0, .dma = 2},
    .path = kPath,
    .has_chunks = true,
    .probe = [] { return core::Support::available(); },
    .run = run_with<Splice>,
    .answer = answer_with<Splice>,
};

} // namespace pagewire::kernelpath
