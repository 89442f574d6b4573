// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/doctor/doctor.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::testbed::doctor {

/// One entry of known_bad.toml, where its keys are explained.
struct KnownBad {
    enum class Needs : std::uint8_t { kNothing, kXskZerocopy, kNapiTxOff };

    std::string driver;
    std::optional<KernelVersion> kernel_from;
    std::optional<KernelVersion> kernel_before;
    Needs needs = Needs::kNothing;
    Severity severity = Severity::kNote;
    std::string what;
    std::string why;
    std::string fix;
    std::string source;

    /// A kernel of an unknown release may have it.
    [[nodiscard]] bool matches(const Nic& nic, const std::optional<KernelVersion>& kernel) const;
};

/// Throws core::UsageError that names the entry and the key for what is not of that form.
[[nodiscard]] std::vector<KnownBad> parse_known_bad(std::string_view toml);

/// The embedded list.
[[nodiscard]] const std::vector<KnownBad>& known_bad();

} // namespace pagewire::testbed::doctor
