// SPDX-License-Identifier: BSD-3-Clause
// pread(2) with O_DIRECT into user buffers, send(2) with MSG_ZEROCOPY from them: the socket takes
// references to the user's pages. A buffer is read into again only when the kernel has said that
// all sends from it are complete.
#include "core/error.hpp"
#include "core/socket.hpp"
#include "core/units.hpp"
#include "kernelpath/direct_file.hpp"
#include "kernelpath/range_sender.hpp"
#include "kernelpath/zerocopy_socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>

namespace pagewire::kernelpath {

namespace {

/// What may be on its way at once: pages are the kernel's until the receiver has acknowledged them.
constexpr std::size_t kBufferBytesSum = 4 * core::kMiB;
constexpr std::size_t kBuffersMin = 4;
constexpr std::size_t kBuffersMax = 256;

class MsgZerocopy final : public RangeSender {
  public:
    explicit MsgZerocopy(const core::TransferJob& job)
        : file_(job),
          chunk_bytes_(std::min<std::uint64_t>(job.chunk_bytes, job.range.length)),
          stride_(file_.buffer_bytes(chunk_bytes_)),
          num_buffers_(std::clamp(kBufferBytesSum / chunk_bytes_, kBuffersMin, kBuffersMax)),
          memory_(file_.buffers(chunk_bytes_, num_buffers_))
    {}

    void send(const core::ByteRange& range, TcpStream& stream,
              core::TransferReport& report) override
    {
        if (!socket_)
            socket_.emplace(stream, num_buffers_);
        for (std::uint64_t at = range.offset; at < range.end(); ++report.num_turns) {
            socket_->wait_for(next_);
            const auto buffer = memory_.bytes().subspan(next_ * stride_, stride_);
            const auto length = std::min<std::uint64_t>(chunk_bytes_, range.end() - at);
            const auto data = file_.read({.offset = at, .length = length}, buffer, stream);
            at += data.size();
            socket_->send(next_, data, at < range.end());
            report.bytes_sent += data.size();
            next_ = (next_ + 1) % num_buffers_;
        }
    }

    void conclude(TcpStream&, core::TransferReport& report) override
    {
        report.zero_copy_requested = "MSG_ZEROCOPY";
        report.facts["buffers"] = fmt::format("{} of {} bytes", num_buffers_, stride_);
        if (!socket_)
            return;
        if (!socket_->wait_for_all())
            report.facts["completions"] = "some did not come within a second of the last byte";
        const ZerocopySocket::Counts& counts = socket_->counts();
        report.zero_copy_kernel_reported = socket_->reported();
        report.counters["zerocopy_completions"] = counts.completed;
        report.counters["zerocopy_copied"] = counts.copied;
        report.counters["zerocopy_refused"] = counts.refused;
        report.counters["sends_by_copying"] = counts.plain;
    }

  private:
    DirectFile file_;
    std::size_t chunk_bytes_;
    std::size_t stride_; // from one buffer to the next
    std::size_t num_buffers_;
    core::Mapping memory_;
    std::optional<ZerocopySocket> socket_;
    std::size_t next_ = 0; // buffer
};

core::Support probe()
{
    const core::UniqueFd socket = core::open_socket(SOCK_STREAM);
    const int on = 1;
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) == 0)
        return core::Support::available();
    return core::Support::unavailable(
        fmt::format("this kernel has no SO_ZEROCOPY for TCP: {}", core::errno_text(errno)));
}

constexpr std::array kPath{
    core::PathStep{"user buffer", "pread(2) with O_DIRECT: the disk writes it, past the page cache",
                   core::StepCost::kDiskDma},
    core::PathStep{"socket's fragments",
                   "send(2) with MSG_ZEROCOPY: references to the buffer's pages, nothing moves",
                   core::StepCost::kCopyToKernel},
    core::PathStep{"the driver's descriptors",
                   "the buffer's pages; without scatter/gather the CPU copies",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches headers and the buffer's pages",
                   core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_msg_zerocopy;
constinit const core::Method method_msg_zerocopy{
    .name = "msg_zerocopy",
    .summary = "O_DIRECT into user buffers, send(2) with MSG_ZEROCOPY to a TCP socket",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = {},
    .textbook = core::Textbook{.crossings = 4, .cpu_copies = 0, .dma = 2},
    .path = kPath,
    .has_chunks = true,
    .needs_direct_io = true,
    .probe = probe,
    .run = run_with<MsgZerocopy>,
    .answer = answer_with<MsgZerocopy>,
};

} // namespace pagewire::kernelpath
