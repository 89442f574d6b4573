// SPDX-License-Identifier: BSD-3-Clause
// A datagram of two calls: send(2) of its header, kept open by MSG_MORE, and sendfile(2) of its
// payload: references to page-cache pages, where the NIC has scatter/gather.
#include "kernelpath/tcp_stream.hpp"
#include "kernelpath/udp_stream.hpp"

#include <array>

namespace pagewire::kernelpath {

namespace {

class SendfileUdp {
  public:
    /// With one, Linux 6.5 and later make a wrong sum of a payload whose first piece, up to its
    /// page's end, has an odd length: skb_splice_from_iter() (net/core/skbuff.c) adds the second at
    /// the place where the first was.
    static constexpr auto kChecksum = UdpStream::Checksum::kNone;

    explicit SendfileUdp(const core::TransferJob& job) : job_(job), file_(open_source(job)) {}

    void send(UdpStream& stream, core::TransferReport& report)
    {
        for (; !stream.at_end(); ++report.num_turns) {
            if (!stream.send_file(file_.get()))
                throw_file_ended(job_, stream.offset());
        }
    }

  private:
    const core::TransferJob& job_;
    core::UniqueFd file_;
};

constexpr std::array kPath{
    core::PathStep{"page cache", "the disk writes the pages, read ahead", core::StepCost::kDiskDma},
    core::PathStep{"the datagram's fragments",
                   "sendfile(2): references to the pages; without scatter/gather the CPU copies",
                   core::StepCost::kCopyToKernel},
    core::PathStep{"the driver's descriptors", "the page-cache pages themselves",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches headers and page-cache pages", core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_sendfile_udp;
constinit const core::Method method_sendfile_udp{
    .name = "sendfile_udp",
    .summary = "for each UDP datagram send(2) of its header with MSG_MORE and sendfile(2)",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kUdp,
    .needs = {},
    .textbook = core::Textbook{.crossings = 4, .cpu_copies = 0, .dma = 2},
    .path = kPath,
    .probe = [] { return core::Support::available(); },
    .run = run_datagrams_with<SendfileUdp>,
};

} // namespace pagewire::kernelpath
