// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/channel.hpp"
#include "testbed/registry.hpp"

#include <functional>
#include <string_view>

namespace pagewire::testbed {

/// The method of that name, or null.
using MethodFinder = std::function<const core::Method*(std::string_view name)>;

/// The worker process: takes one `transfer` from its channel, runs it, answers `done`, ends.
/// Returns the exit code.
int run_worker(Channel channel, const MethodFinder& find = find_method);

} // namespace pagewire::testbed
