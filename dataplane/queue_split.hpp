// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"

#include <cstdint>
#include <vector>

namespace pagewire::dataplane {

/// Queues that a range is long enough for: each has a byte at least.
[[nodiscard]] std::uint32_t num_queues_for(const core::ByteRange& range, std::uint32_t wanted);

/// Each queue's part of a job, of num_queues_for() at most: ranges that meet on chunks of the file,
/// an even share of the rate. From memory each part begins with the file's first byte.
[[nodiscard]] std::vector<core::TransferJob> split_by_queue(const core::TransferJob& job);

} // namespace pagewire::dataplane
