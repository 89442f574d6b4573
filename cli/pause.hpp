// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/transfer.hpp"

#include <sys/types.h>

#include <atomic>
#include <string>

namespace pagewire::cli {

/// Says on stderr which worker waits and how to look at it, and waits for a line on stdin, its end,
/// or an interruption.
void pause_before(const testbed::Cell& cell, pid_t worker, const std::string& interface,
                  const std::atomic<bool>& interrupted);

} // namespace pagewire::cli
