// SPDX-License-Identifier: BSD-3-Clause
// The file mapped, write(2) from the mapping: the copy into a user buffer goes, page faults come.
#include "core/mapping.hpp"
#include "core/units.hpp"
#include "kernelpath/range_sender.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>

namespace pagewire::kernelpath {

namespace {

/// Largest page of the architectures that Linux runs on.
constexpr std::size_t kPageBytesMax = 64 * core::kKiB;

class MmapWrite final : public RangeSender {
  public:
    explicit MmapWrite(const core::TransferJob& job) : job_(job), file_(open_source(job)) {}

    void send(const core::ByteRange& range, TcpStream& stream,
              core::TransferReport& report) override
    {
        if (job_.map_per_chunk)
            send_mapped_by_chunk(range, stream, report);
        else
            send_mapped_once(range, stream, report);
        report.bytes_sent += range.length;
    }

  private:
    /// The job's range mapped once: the pages come in by faults that write(2) takes on our behalf.
    /// A file that shrinks meanwhile makes write(2) fail with EFAULT: user space never touches the
    /// mapping itself.
    void send_mapped_once(const core::ByteRange& range, TcpStream& stream,
                          core::TransferReport& report)
    {
        if (!mapping_)
            mapping_ =
                core::Mapping::file(file_.get(), job_.range.offset, job_.range.length, job_.path);
        auto rest = mapping_.bytes().subspan(range.offset - job_.range.offset, range.length);
        while (!rest.empty()) {
            const auto chunk = rest.first(std::min(job_.chunk_bytes, rest.size()));
            stream.write_all(chunk);
            rest = rest.subspan(chunk.size());
            ++report.num_turns;
        }
    }

    /// The textbook's loop: a mapping for each turn, laid over the last one (MAP_FIXED), so that a
    /// turn is one mmap(2) and one write(2).
    void send_mapped_by_chunk(const core::ByteRange& range, TcpStream& stream,
                              core::TransferReport& report)
    {
        for (std::uint64_t at = range.offset; at < range.end(); ++report.num_turns) {
            const auto length = std::min<std::uint64_t>(job_.chunk_bytes, range.end() - at);
            if (!mapping_) // with room for a chunk that begins within a page
                mapping_ = core::Mapping::file(file_.get(), at, job_.chunk_bytes + kPageBytesMax,
                                               job_.path);
            else
                mapping_.map_over(file_.get(), at, length, job_.path);
            stream.write_all(mapping_.bytes().first(length));
            at += length;
        }
    }

    const core::TransferJob& job_;
    core::UniqueFd file_;
    core::Mapping mapping_; // of the whole range, or the window of the turn
};

constexpr std::array kPath{
    core::PathStep{"page cache", "the disk writes the pages, read ahead", core::StepCost::kDiskDma},
    core::PathStep{"the sender's address space", "page faults map the pages: nothing moves",
                   core::StepCost::kNone},
    core::PathStep{"socket's pages", "write(2): the CPU copies", core::StepCost::kCopyToKernel},
    core::PathStep{"the driver's descriptors",
                   "pages as they are; without scatter/gather the CPU copies",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches headers and pages", core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_mmap_write;
constinit const core::Method method_mmap_write{
    .name = "mmap_write",
    .summary = "the file mapped once, write(2) from the mapping to a TCP socket",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = {},
    .textbook = core::Textbook{.crossings = 4, .cpu_copies = 1, .dma = 2},
    .path = kPath,
    .maps_file = true,
    .has_chunks = true,
    .probe = [] { return core::Support::available(); },
    .run = run_with<MmapWrite>,
    .answer = answer_with<MmapWrite>,
};

} // namespace pagewire::kernelpath
