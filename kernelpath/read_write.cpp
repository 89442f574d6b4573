// SPDX-License-Identifier: BSD-3-Clause
// read(2) into a user buffer, write(2) to the socket: the CPU copies every byte twice.
#include "core/error.hpp"
#include "kernelpath/range_sender.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

namespace pagewire::kernelpath {

namespace {

class ReadWrite final : public RangeSender {
  public:
    explicit ReadWrite(const core::TransferJob& job)
        : job_(job),
          file_(open_source(job)),
          buffer_(std::min<std::uint64_t>(job.chunk_bytes, job.range.length))
    {
        seek(job.range.offset);
    }

    void send(const core::ByteRange& range, TcpStream& stream,
              core::TransferReport& report) override
    {
        if (position_ != range.offset)
            seek(range.offset);
        while (position_ < range.end()) {
            const auto want = std::min<std::uint64_t>(buffer_.size(), range.end() - position_);
            const ssize_t got = ::read(file_.get(), buffer_.data(), want);
            if (got < 0 && errno == EINTR) {
                stream.check();
                continue;
            }
            if (got < 0)
                core::throw_errno("read", job_.path);
            if (got == 0)
                throw_file_ended(job_, position_);
            stream.write_all({buffer_.data(), static_cast<std::size_t>(got)});
            position_ += static_cast<std::uint64_t>(got);
            report.bytes_sent += static_cast<std::uint64_t>(got);
            ++report.num_turns;
        }
    }

  private:
    void seek(std::uint64_t offset)
    {
        core::checked(::lseek(file_.get(), static_cast<off_t>(offset), SEEK_SET), "lseek",
                      job_.path);
        position_ = offset;
    }

    const core::TransferJob& job_;
    core::UniqueFd file_;
    std::uint64_t position_ = 0; // of the file's descriptor
    std::vector<std::byte> buffer_;
};

constexpr std::array kPath{
    core::PathStep{"page cache", "the disk writes the pages, read ahead", core::StepCost::kDiskDma},
    core::PathStep{"user buffer", "read(2): the CPU copies", core::StepCost::kCopyToUser},
    core::PathStep{"socket's pages", "write(2): the CPU copies", core::StepCost::kCopyToKernel},
    core::PathStep{"the driver's descriptors",
                   "pages as they are; without scatter/gather the CPU copies",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches headers and pages", core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_read_write;
constinit const core::Method method_read_write{
    .name = "read_write",
    .summary = "read(2) into a user buffer, write(2) to a TCP socket",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = {},
    .textbook = core::Textbook{.crossings = 4, .cpu_copies = 2, .dma = 2},
    .path = kPath,
    .has_chunks = true,
    .probe = [] { return core::Support::available(); },
    .run = run_with<ReadWrite>,
    .answer = answer_with<ReadWrite>,
};

} // namespace pagewire::kernelpath
