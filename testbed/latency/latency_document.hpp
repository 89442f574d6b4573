// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <nlohmann/json.hpp>

namespace pagewire::testbed {

struct RunResult;

/// Adds "latency", "latency_setup" and "plan"."latency" to a result document (docs/latency.md);
/// nothing where the plan has no latency arm.
void add_latency(nlohmann::json& document, const RunResult& result);

} // namespace pagewire::testbed
