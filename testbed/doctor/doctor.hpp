// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/doctor/machine.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Is this machine fit to measure? One file for each family of findings; a family is a function of
/// what was seen of the machine, so that a test gives it a machine of its own.
namespace pagewire::testbed::doctor {

enum class Severity : std::uint8_t {
    kOk,      ///< as it should be
    kNote,    ///< to be known when figures are read or compared
    kWarning, ///< figures suffer
    kError,   ///< a method cannot run, or its data may be wrong
};

struct Finding {
    std::string id; ///< "cpu.governor": its family and what it is about; stable between versions
    Severity severity = Severity::kOk;
    std::string seen; ///< what was read, as it stands there
    std::string why;  ///< why it matters; empty where severity is kOk
    std::string fix;  ///< the command or the setting; empty where there is none
};

using Findings = std::vector<Finding>;

/// A member of the doctor's list (testbed/doctor/meson.build). What a machine does not tell is no
/// finding, or one that says so; nothing throws for an absent file.
struct Family {
    std::string_view name;
    void (*examine)(const Machine& machine, Findings& findings);
};

/// Every family, in the order of the list.
[[nodiscard]] Findings examine(const Machine& machine);

[[nodiscard]] std::string_view severity_name(Severity severity);

/// "doctor" of the result document, and of `pagewire doctor --json`.
[[nodiscard]] nlohmann::json findings_json(std::span<const Finding> findings);

/// For a person: the worst first.
[[nodiscard]] std::string findings_table(std::span<const Finding> findings);

} // namespace pagewire::testbed::doctor
