// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>

namespace pagewire::cli {

/// From here on SIGINT, SIGTERM and SIGHUP ask for the end: what was changed is put back first. The
/// second one ends the process at once.
void catch_interruptions();

/// Set by the first of them.
[[nodiscard]] const std::atomic<bool>& interruption();

} // namespace pagewire::cli
