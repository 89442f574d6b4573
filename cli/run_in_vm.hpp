// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "cli/run_words.hpp"
#include "testbed/plan.hpp"

namespace pagewire::cli {

/// The vm lab, from outside: this very command line again, inside a guest. What it prints is passed
/// through; the files that it is to write come out of the guest by its folder of results. Returns
/// the exit code. Throws core::UsageError, core::SystemError.
[[nodiscard]] int run_in_vm(const RunWords& words, const testbed::Plan& plan);

} // namespace pagewire::cli
