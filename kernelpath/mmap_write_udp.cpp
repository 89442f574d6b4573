// SPDX-License-Identifier: BSD-3-Clause
// The file mapped, sendmmsg(2) of datagrams from the mapping: the copy into a user buffer goes,
// page faults come.
#include "core/mapping.hpp"
#include "core/units.hpp"
#include "kernelpath/tcp_stream.hpp"
#include "kernelpath/udp_stream.hpp"

#include <array>

namespace pagewire::kernelpath {

namespace {

/// Largest page of the architectures that Linux runs on.
constexpr std::size_t kPageBytesMax = 64 * core::kKiB;

class MmapWriteUdp {
  public:
    static constexpr auto kChecksum = UdpStream::Checksum::kKernel;

    explicit MmapWriteUdp(const core::TransferJob& job) : job_(job), file_(open_source(job)) {}

    void send(UdpStream& stream, core::TransferReport& report)
    {
        for (; !stream.at_end(); ++report.num_turns)
            stream.send(job_.map_per_chunk ? map_turn(stream) : turn_of_whole(stream));
    }

  private:
    /// A file that shrinks makes sendmmsg(2) fail with EFAULT: user space never touches the mapping
    /// itself.
    [[nodiscard]] std::span<const std::byte> turn_of_whole(const UdpStream& stream)
    {
        if (!mapping_)
            mapping_ =
                core::Mapping::file(file_.get(), job_.range.offset, job_.range.length, job_.path);
        return mapping_.bytes().subspan(stream.offset() - job_.range.offset, stream.turn_bytes());
    }

    /// The textbook's loop: a mapping for each turn, laid over the last one (MAP_FIXED).
    [[nodiscard]] std::span<const std::byte> map_turn(const UdpStream& stream)
    {
        const std::uint64_t length = stream.turn_bytes();
        if (!mapping_) // with room for a turn that begins within a page
            mapping_ = core::Mapping::file(
                file_.get(), stream.offset(),
                stream.cut().turn_bytes_max(job_.chunk_bytes) + kPageBytesMax, job_.path);
        else
            mapping_.map_over(file_.get(), stream.offset(), length, job_.path);
        return mapping_.bytes().first(length);
    }

    const core::TransferJob& job_;
    core::UniqueFd file_;
    core::Mapping mapping_; // of the whole range, or the window of the turn
};

constexpr std::array kPath{
    core::PathStep{"page cache", "the disk writes the pages, read ahead", core::StepCost::kDiskDma},
    core::PathStep{"the sender's address space", "page faults map the pages: nothing moves",
                   core::StepCost::kNone},
    core::PathStep{"the datagrams' skbs", "sendmmsg(2): the CPU copies",
                   core::StepCost::kCopyToKernel},
    core::PathStep{"the driver's descriptors",
                   "as they are; pages without scatter/gather are copied by the CPU",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches headers and payload", core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_mmap_write_udp;
constinit const core::Method method_mmap_write_udp{
    .name = "mmap_write_udp",
    .summary = "the file mapped once, sendmmsg(2) of UDP datagrams from the mapping, by GSO",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kUdp,
    .needs = {},
    .textbook = core::Textbook{.crossings = 4, .cpu_copies = 1, .dma = 2},
    .path = kPath,
    .maps_file = true,
    .has_chunks = true,
    .probe = [] { return core::Support::available(); },
    .run = run_datagrams_with<MmapWriteUdp>,
};

} // namespace pagewire::kernelpath
