// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace pagewire::testbed {

/// What differs between two result documents beside their rows, a line each, "MTU: 9000 -> 1500":
/// the program, the machine, the lab, every key of the plan, findings of the doctor, and whether
/// one of the runs was interrupted. Not when they were started and how long they took.
[[nodiscard]] std::vector<std::string> circumstances_of(const nlohmann::json& before,
                                                        const nlohmann::json& after);

} // namespace pagewire::testbed
