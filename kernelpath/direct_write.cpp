// SPDX-License-Identifier: BSD-3-Clause
// pread(2) with O_DIRECT into a user buffer, write(2) to the socket: the copy out of the page cache
// goes, and with it the cache.
#include "kernelpath/direct_file.hpp"
#include "kernelpath/range_sender.hpp"

#include <algorithm>
#include <array>

namespace pagewire::kernelpath {

namespace {

class DirectWrite final : public RangeSender {
  public:
    explicit DirectWrite(const core::TransferJob& job)
        : job_(job),
          file_(job),
          buffer_(file_.buffers(std::min<std::uint64_t>(job.chunk_bytes, job.range.length)))
    {}

    void send(const core::ByteRange& range, TcpStream& stream,
              core::TransferReport& report) override
    {
        for (std::uint64_t at = range.offset; at < range.end(); ++report.num_turns) {
            const auto length = std::min<std::uint64_t>(job_.chunk_bytes, range.end() - at);
            const auto data = file_.read({.offset = at, .length = length}, buffer_.bytes(), stream);
            stream.write_all(data);
            at += data.size();
            report.bytes_sent += data.size();
        }
    }

  private:
    const core::TransferJob& job_;
    DirectFile file_;
    core::Mapping buffer_;
};

constexpr std::array kPath{
    core::PathStep{"user buffer", "pread(2) with O_DIRECT: the disk writes it, past the page cache",
                   core::StepCost::kDiskDma},
    core::PathStep{"socket's pages", "write(2): the CPU copies", core::StepCost::kCopyToKernel},
    core::PathStep{"the driver's descriptors",
                   "pages as they are; without scatter/gather the CPU copies",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches headers and pages", core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_direct_write;
constinit const core::Method method_direct_write{
    .name = "direct_write",
    .summary = "pread(2) with O_DIRECT into a user buffer, write(2) to a TCP socket: no page cache",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = {},
    .textbook = core::Textbook{.crossings = 4, .cpu_copies = 1, .dma = 2},
    .path = kPath,
    .has_chunks = true,
    .needs_direct_io = true,
    .probe = [] { return core::Support::available(); },
    .run = run_with<DirectWrite>,
    .answer = answer_with<DirectWrite>,
};

} // namespace pagewire::kernelpath
