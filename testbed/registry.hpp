// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "core/receiver.hpp"

#include <span>
#include <string_view>

/// Every method, engine and receiver of this build. The tables are constant and generated from the
/// Meson lists of kernelpath/ and dataplane/ (tools/make-registry): a member that is in a list and
/// does not exist fails to link.
namespace pagewire::testbed {

/// In the lists' order: kernel methods, then engines.
[[nodiscard]] std::span<const core::Method* const> methods();
[[nodiscard]] std::span<const core::Receiver* const> receivers();

/// What is not part of this build, and why.
struct NotBuilt {
    std::string_view name;
    std::string_view reason;
};

[[nodiscard]] std::span<const NotBuilt> not_built();
[[nodiscard]] std::span<const NotBuilt> receivers_not_built();

/// Null when there is none of that name.
[[nodiscard]] const core::Method* find_method(std::string_view name);

/// The receiver of that name, for a wire. Throws core::UsageError where this build has none: with
/// the reason, or with those that it has.
[[nodiscard]] const core::Receiver& receiver_for(core::Wire wire, std::string_view name);

} // namespace pagewire::testbed
