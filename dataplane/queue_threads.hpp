// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dataplane/pipeline.hpp"
#include "dataplane/queue_split.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace pagewire::dataplane {

/// A transfer by several hardware queues of one NIC: a thread for each, with an engine, a flow and
/// a part of the range of its own. Nothing on the way from the disk to the NIC is shared but the
/// memory that the engines are cut from, so that the loops need no lock.
///
///     queue q      thread 0  | read, cut, submit, kick ... |        range [0, n/2)     flow f
///     queue q + 1  thread 1  | read, cut, submit, kick ... |        range [n/2, n)     flow f + 1
///                  all meet: begin                      sent   acknowledged
///
/// Thread 0 is the caller's, and speaks to the watch for all. The first failure ends all.

/// Called once for each part, in order, on the calling thread.
using OpenEngine =
    std::function<std::unique_ptr<Engine>(const core::TransferJob& part, std::uint32_t index)>;

/// What the run() of an engine's Method does that can have several queues; with one it is
/// send_through_engine(). Throws as that does.
core::TransferReport send_through_queues(const core::TransferJob& job, core::TransferWatch& watch,
                                         const OpenEngine& open_engine);

} // namespace pagewire::dataplane
