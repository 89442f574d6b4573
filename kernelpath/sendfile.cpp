// SPDX-License-Identifier: BSD-3-Clause
// sendfile(2) with the NIC's scatter/gather off: the kernel copies the pages together for a NIC
// that cannot gather.
#include "kernelpath/sendfile_range.hpp"

#include <array>

namespace pagewire::kernelpath {

namespace {

constexpr std::array kNeeds{core::FeatureNeed{.feature = "tx-scatter-gather", .on = false}};

} // namespace

extern const core::Method method_sendfile;
constinit const core::Method method_sendfile{
    .name = "sendfile",
    .summary = "sendfile(2) to a TCP socket, NIC scatter/gather off: copied together for the NIC",
    .family = core::Family::kKernelPath,
    .wire = core::Wire::kTcp,
    .needs = kNeeds,
    .textbook = core::Textbook{.crossings = 2, .cpu_copies = 1, .dma = 2},
    .probe = [] { return core::Support::available(); },
    .run = sendfile_range,
};

} // namespace pagewire::kernelpath
