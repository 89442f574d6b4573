// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"

namespace pagewire::kernelpath {

/// The one sender of `sendfile` and `sendfile_sg`: sendfile(2) over the whole range, as few calls
/// as the kernel lets it be. What differs between the two is the device's tx-scatter-gather
/// feature, which the testbed sets.
core::TransferReport sendfile_range(const core::TransferJob& job, core::TransferWatch& watch);

/// The same for each request of the latency arm.
core::TransferReport sendfile_answers(const core::TransferJob& job, core::TransferWatch& watch);

} // namespace pagewire::kernelpath
