// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "core/rate.hpp"
#include "testbed/plan.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A plan whose keys have several values is an experiment of several settings:
///
///     settings(plan)       every combination, each a plan with one value a key
///     conditions_of(...)   what of a setting a method can feel: two settings that a method cannot
///                          tell apart are one row
namespace pagewire::testbed {

/// The figures under which a row was measured, beside method, cache state and arm. Nothing where
/// the method cannot feel it.
struct Conditions {
    std::uint64_t file_bytes = 0; ///< of the range that is sent
    std::optional<std::uint64_t> chunk_bytes;
    std::uint32_t mtu = 0;
    std::optional<std::uint32_t> num_queues; ///< that the plan asks for
    std::optional<core::Rate> rate;          ///< not limited: as fast as credit allows

    bool operator==(const Conditions&) const = default;
};

/// Whether two rows may be held against each other: what both can feel is the same.
[[nodiscard]] bool agree(const Conditions& one, const Conditions& other);

/// The value of the condition of that name (as VariedKey::condition) for a person: "64 KiB",
/// "MTU 1500", "2 queues"; empty where the method cannot feel it.
[[nodiscard]] std::string condition_text(const Conditions& conditions, std::string_view name);

/// `mtu`: of the link, which a plan for a NIC of the host does not set.
[[nodiscard]] Conditions conditions_of(const core::Method& method, const Plan& setting,
                                       std::uint64_t file_bytes, std::uint32_t mtu);

/// More settings than a run could be of: so many were written by mistake.
inline constexpr std::size_t kMaxSettings = 1024;

/// How many settings() gives.
[[nodiscard]] std::size_t num_settings(const Plan& plan);

/// Every combination of the matrix' values, the last key varying fastest; of a plan without any,
/// the plan itself. The settings' own matrix is empty.
[[nodiscard]] std::vector<Plan> settings(const Plan& plan);

/// A key of the matrix: its name in the plan ("run.chunk") and in the result document's
/// `conditions` ("chunk_bytes").
struct VariedKey {
    std::string_view plan_key;
    std::string_view condition;
};

/// Those that have several values.
[[nodiscard]] std::vector<VariedKey> varied_keys(const Matrix& matrix);

} // namespace pagewire::testbed
