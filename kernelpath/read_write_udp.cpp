// SPDX-License-Identifier: BSD-3-Clause
// read(2) into a user buffer, sendmmsg(2) of datagrams from it: the CPU copies every byte twice.
#include "core/error.hpp"
#include "kernelpath/tcp_stream.hpp"
#include "kernelpath/udp_stream.hpp"

#include <unistd.h>

#include <array>
#include <vector>

namespace pagewire::kernelpath {

namespace {

class ReadWriteUdp {
  public:
    static constexpr auto kChecksum = UdpStream::Checksum::kKernel;

    explicit ReadWriteUdp(const core::TransferJob& job) : job_(job), file_(open_source(job))
    {
        core::checked(::lseek(file_.get(), static_cast<off_t>(job.range.offset), SEEK_SET), "lseek",
                      job.path);
        const DatagramCut cut(job.mtu, job.range.end());
        buffer_.resize(
            std::min<std::uint64_t>(cut.turn_bytes_max(job.chunk_bytes), job.range.length));
    }

    void send(UdpStream& stream, core::TransferReport& report)
    {
        for (; !stream.at_end(); ++report.num_turns) {
            const std::span turn = std::span(buffer_).first(stream.turn_bytes());
            read_all(turn, stream);
            stream.send(turn);
        }
    }

  private:
    void read_all(std::span<std::byte> rest, const UdpStream& stream)
    {
        while (!rest.empty()) {
            const ssize_t got = ::read(file_.get(), rest.data(), rest.size());
            if (got < 0 && errno != EINTR)
                core::throw_errno("read", job_.path);
            if (got < 0)
                stream.check();
            else if (got == 0)
                throw_file_ended(job_, stream.offset());
            else
                rest = rest.subspan(static_cast<std::size_t>(got));
        }
    }

    const core::TransferJob& job_;
    core::UniqueFd file_;
    std::vector<std::byte> buffer_;
};

constexpr std::array kPath{
    core::PathStep{"page cache", "the disk writes the pages, read ahead", core::StepCost::kDiskDma},
    core::PathStep{"user buffer", "read(2): the CPU copies", core::StepCost::kCopyToUser},
    core::PathStep{"the datagrams' skbs", "sendmmsg(2): the CPU copies",
                   core::StepCost::kCopyToKernel},
    core::PathStep{"the driver's descriptors",
                   "as they are; pages without scatter/gather are copied by the CPU",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches headers and payload", core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_read_write_udp;
constinit const core::Method method_read_write_udp{
    .name = "read_write_udp",
    .summary = "read(2) into a user buffer, sendmmsg(2) of UDP datagrams, segmented by GSO",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kUdp,
    .needs = {},
    .textbook = core::Textbook{.crossings = 4, .cpu_copies = 2, .dma = 2},
    .path = kPath,
    .has_chunks = true,
    .probe = [] { return core::Support::available(); },
    .run = run_datagrams_with<ReadWriteUdp>,
};

} // namespace pagewire::kernelpath
