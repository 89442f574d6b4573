// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/channel.hpp"

namespace pagewire::testbed {

/// The worker process: takes one `transfer` from its channel, runs it, answers `done`, ends.
/// Returns the exit code.
int run_worker(Channel channel);

} // namespace pagewire::testbed
