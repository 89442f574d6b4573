// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/ledger/record.h"

#include <cstdint>

namespace pagewire::testbed {

/// Tells the ledger's programs, and whoever runs strace, where in its course this thread is: a call
/// prctl(LEDGER_MARK, token, mark, argument) that the kernel refuses. Costs one system call,
/// changes nothing, cannot fail.
void mark(std::uint64_t token, ledger_mark which, std::uint64_t argument = 0) noexcept;

} // namespace pagewire::testbed
