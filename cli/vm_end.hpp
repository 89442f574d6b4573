// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/vm/guest.hpp"

#include <chrono>
#include <string_view>

/// What commands that run in a guest do with what comes out of it.
namespace pagewire::cli {

/// docs/decisions/0014-the-virtual-lab.md
inline constexpr int kVmTimeLimit = 124;
inline constexpr int kVmDied = 125;

/// Its output to ours; its kernel's console to stderr, where wanted.
void pass_on(testbed::vm::GuestStream stream, std::string_view text, bool with_console);

/// Says on stderr how the guest ended, where it did not by its command's end. Returns the exit
/// code.
[[nodiscard]] int vm_exit_code(const testbed::vm::GuestEnd& end, std::chrono::seconds time_limit);

} // namespace pagewire::cli
