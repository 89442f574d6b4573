// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <nlohmann/json.hpp>

namespace pagewire::testbed {

/// The label of every row that was run on virtual hardware.
inline constexpr const char* kNoTimings = "virtual hardware: timings have no meaning";

/// Takes out of a result document of virtual hardware each figure that is a time, a rate or a ratio
/// of such, so that no report can show it, and labels its rows. What single transfers took stays,
/// for who looks into one.
void drop_timings(nlohmann::json& document);

} // namespace pagewire::testbed
