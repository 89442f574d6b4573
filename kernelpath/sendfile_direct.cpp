// SPDX-License-Identifier: BSD-3-Clause
// sendfile(2) from a descriptor with O_DIRECT: the disk writes into pages that the kernel allocates
// for the call (fs/splice.c, copy_splice_read), and these go to the socket by reference. No page
// enters the page cache.
#include "core/error.hpp"
#include "kernelpath/direct_file.hpp"
#include "kernelpath/range_sender.hpp"

#include <sys/sendfile.h>

#include <algorithm>
#include <array>

namespace pagewire::kernelpath {

namespace {

/// sendfile(2), Notes: at most 0x7ffff000 bytes a call. Whole blocks of any file.
constexpr std::uint64_t kSendfileBytesMax = 0x7ff00000;

class SendfileDirect final : public RangeSender {
  public:
    explicit SendfileDirect(const core::TransferJob& job)
        : job_(job),
          file_(job),
          edge_(file_.buffers(1))
    {}

    void send(const core::ByteRange& range, TcpStream& stream,
              core::TransferReport& report) override
    {
        for (std::uint64_t at = range.offset; at < range.end(); ++report.num_turns) {
            // A call that a slow receiver ended early may have ended within a block, too.
            const std::uint64_t whole =
                at == file_.block_floor(at) ? file_.block_floor(range.end()) : at;
            const std::uint64_t taken =
                whole > at ? send_blocks(at, whole - at, stream)
                           : send_edge({.offset = at, .length = range.end() - at}, stream, report);
            at += taken;
            report.bytes_sent += taken;
            stream.check(); // a signal ends a call early, with the bytes so far
        }
    }

  private:
    [[nodiscard]] std::uint64_t send_blocks(std::uint64_t at, std::uint64_t length,
                                            TcpStream& stream)
    {
        for (;;) {
            auto offset = static_cast<off_t>(at);
            const ssize_t taken =
                ::sendfile(stream.fd(), file_.fd(), &offset, std::min(kSendfileBytesMax, length));
            if (taken == 0)
                throw_file_ended(job_, at);
            if (taken > 0)
                return static_cast<std::uint64_t>(taken);
            stream.retry_or_throw("sendfile");
        }
    }

    /// What does not begin or end with a block, which sendfile(2) cannot read directly: less than
    /// a block, by a buffer.
    [[nodiscard]] std::uint64_t send_edge(const core::ByteRange& rest, TcpStream& stream,
                                          core::TransferReport& report)
    {
        const std::uint64_t block_end = file_.block_floor(rest.offset) + file_.block_bytes();
        const std::uint64_t end = std::min(block_end, rest.end());
        const auto data =
            file_.read({.offset = rest.offset, .length = end - rest.offset}, edge_.bytes(), stream);
        stream.write_all(data);
        report.counters["edge_bytes_copied"] += data.size();
        return data.size();
    }

    const core::TransferJob& job_;
    DirectFile file_;
    core::Mapping edge_; // of one block
};

constexpr std::array kPath{
    core::PathStep{"pages of the call", "O_DIRECT: the disk writes them, past the page cache",
                   core::StepCost::kDiskDma},
    core::PathStep{"socket's fragments", "sendfile(2): references to the pages, nothing moves",
                   core::StepCost::kCopyToKernel},
    core::PathStep{"the driver's descriptors",
                   "the same pages; without scatter/gather the CPU copies",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches headers and pages", core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_sendfile_direct;
constinit const core::Method method_sendfile_direct{
    .name = "sendfile_direct",
    .summary = "sendfile(2) from an O_DIRECT descriptor to a TCP socket: no page cache",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = {},
    .textbook = core::Textbook{.crossings = 2, .cpu_copies = 0, .dma = 2},
    .path = kPath,
    .needs_direct_io = true,
    .probe = [] { return core::Support::available(); },
    .run = run_with<SendfileDirect>,
    .answer = answer_with<SendfileDirect>,
};

} // namespace pagewire::kernelpath
