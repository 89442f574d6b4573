// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/result.hpp"

#include <string>

namespace pagewire::testbed {

/// The path of a byte by each row's method, from the disk to the wire, step by step, with the
/// figure that the ledger saw at each: for a person.
[[nodiscard]] std::string explanation(const RunResult& result);

} // namespace pagewire::testbed
