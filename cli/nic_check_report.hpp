// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/checks/runner.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

/// What offload checks found, for people and for machines.
namespace pagewire::cli {

struct CheckReport {
    std::string near; ///< the interface that sent
    std::string far;
    bool is_virtual = false;
    const std::vector<nic::CheckResult>& results;
};

/// A row a check with its verdict; below it what was seen.
[[nodiscard]] std::string check_table(const CheckReport& report);

/// Schema pagewire.nic-check/1: docs/nic.md.
[[nodiscard]] nlohmann::json check_json(const CheckReport& report);

/// JUnit's XML as CI systems read it: a test case a check; "not in effect" passes, with its reason
/// in its output.
[[nodiscard]] std::string check_junit(const CheckReport& report);

/// 1 where a check failed; 2 where none could be tried; else 0.
[[nodiscard]] int check_exit_code(const CheckReport& report);

} // namespace pagewire::cli
