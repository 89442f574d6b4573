// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/checks/check.hpp"
#include "nic/checks/rig.hpp"

#include <string_view>

namespace pagewire::nic {

/// Packets merged on receive, by the kernel ("rx-gro") or the device ("rx-lro", "rx-gro-hw"): with
/// the feature on, frames longer than the wire's must come out of it; off, none; and the stream
/// must be the same either way. The sender cuts its sends itself, so that single packets arrive.
[[nodiscard]] Finding check_merging(Rig& rig, std::string_view feature);

} // namespace pagewire::nic
