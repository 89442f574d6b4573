// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <CLI/App.hpp>

namespace pagewire::cli {

/// Adds "restore" to `pagewire nic`.
void add_nic_restore(CLI::App& nic, int& exit_code);

/// What earlier runs that were killed could not bring back, brought back before this one changes
/// anything; each said on stderr, as far as it matters to this one.
void restore_leftovers();

} // namespace pagewire::cli
