// SPDX-License-Identifier: BSD-3-Clause
// sendfile(2) with the NIC's scatter/gather on: the NIC takes the page-cache pages as descriptors.
#include "kernelpath/sendfile_range.hpp"

#include <array>

namespace pagewire::kernelpath {

namespace {

constexpr std::array kNeeds{core::FeatureNeed{.feature = "tx-scatter-gather", .on = true}};

} // namespace

extern const core::Method method_sendfile_sg;
constinit const core::Method method_sendfile_sg{
    .name = "sendfile_sg",
    .summary = "sendfile(2) to a TCP socket, NIC scatter/gather on: page descriptors",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = kNeeds,
    .textbook = core::Textbook{.crossings = 2, .cpu_copies = 0, .dma = 2},
    .probe = [] { return core::Support::available(); },
    .run = sendfile_range,
};

} // namespace pagewire::kernelpath
