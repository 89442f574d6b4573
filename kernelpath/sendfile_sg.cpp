// SPDX-License-Identifier: BSD-3-Clause
// sendfile(2) with the NIC's scatter/gather on: the NIC takes the page-cache pages as descriptors.
#include "kernelpath/sendfile_range.hpp"

#include <array>

namespace pagewire::kernelpath {

namespace {

constexpr std::array kNeeds{core::FeatureNeed{.feature = "tx-scatter-gather", .on = true}};

constexpr std::array kPath{
    core::PathStep{"page cache", "the disk writes the pages, read ahead", core::StepCost::kDiskDma},
    core::PathStep{"socket's fragments", "sendfile(2): references to the pages, nothing moves",
                   core::StepCost::kCopyToKernel},
    core::PathStep{"the driver's descriptors", "the page-cache pages themselves",
                   core::StepCost::kCopyAtTransmit},
    core::PathStep{"wire", "the NIC fetches headers and page-cache pages", core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_sendfile_sg;
constinit const core::Method method_sendfile_sg{
    .name = "sendfile_sg",
    .summary = "sendfile(2) to a TCP socket, NIC scatter/gather on: page descriptors",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = kNeeds,
    .textbook = core::Textbook{.crossings = 2, .cpu_copies = 0, .dma = 2},
    .path = kPath,
    .probe = [] { return core::Support::available(); },
    .run = sendfile_range,
    .answer = sendfile_answers,
};

} // namespace pagewire::kernelpath
