// SPDX-License-Identifier: BSD-3-Clause
// sendfile(2) with the NIC's scatter/gather off: the kernel copies the pages together for a NIC
// that cannot gather.
#include "kernelpath/sendfile_range.hpp"

#include <array>

namespace pagewire::kernelpath {

namespace {

constexpr std::array kNeeds{core::FeatureNeed{.feature = "tx-scatter-gather", .on = false}};

constexpr std::array kPath{
    core::PathStep{"page cache", "the disk writes the pages, read ahead", core::StepCost::kDiskDma},
    core::PathStep{"socket's fragments", "sendfile(2): references to the pages, nothing moves",
                   core::StepCost::kCopyToKernel},
    core::PathStep{"linear packets", "no scatter/gather: the CPU copies the pages together",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches linear packets", core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_sendfile;
constinit const core::Method method_sendfile{
    .name = "sendfile",
    .summary = "sendfile(2) to a TCP socket, NIC scatter/gather off: copied together for the NIC",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = kNeeds,
    .textbook = core::Textbook{.crossings = 2, .cpu_copies = 1, .dma = 2},
    .path = kPath,
    .probe = [] { return core::Support::available(); },
    .run = sendfile_range,
    .answer = sendfile_answers,
};

} // namespace pagewire::kernelpath
