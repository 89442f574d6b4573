// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/error.hpp"
#include "core/units.hpp"
#include "nic/link.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

/// What the figures and words of a plan may be. Asked twice: by the reader of the plan file, which
/// knows the line (plan.cpp), and of the finished plan, which the command line has changed since
/// (plan_check.cpp).
namespace pagewire::testbed {

struct Limits {
    std::uint64_t min = 0;
    std::uint64_t max = 0;
    std::uint64_t multiple = 1;
    bool power_of_two = false;
    bool is_bytes = false; ///< printed with KiB, MiB, GiB
};

/// 1 PiB: beyond any disk of a bench, and far from where sums of offsets and lengths wrap.
inline constexpr std::uint64_t kMaxFileBytes = core::kMiB * core::kGiB;

inline constexpr Limits kGeneratedLimits{.min = 1, .max = kMaxFileBytes, .is_bytes = true};
inline constexpr Limits kRangeLimits{.min = 0, .max = kMaxFileBytes, .is_bytes = true};
inline constexpr Limits kRoundsLimits{.min = 1, .max = 1000};
inline constexpr Limits kRoundsMaxLimits{.min = 0, .max = 1000};
inline constexpr Limits kTargetLimits{.min = 1, .max = 100};
inline constexpr Limits kWarmupLimits{.min = 0, .max = 100};
inline constexpr Limits kSeedLimits{.min = 0, .max = INT64_MAX};
inline constexpr Limits kChunkLimits{.min = 1, .max = core::kGiB, .is_bytes = true};
inline constexpr Limits kTimeLimits{.min = 1, .max = 3600};
inline constexpr Limits kMtuLimits{.min = nic::kMtuMin, .max = nic::kMtuMax};
/// The kernel gives a device at most 4096 queues (net/core/rtnetlink.c, rtnl_create_link).
inline constexpr Limits kQueueLimits{.min = 0, .max = 4095};
/// Sending at once, each with a thread; and the link's own.
inline constexpr Limits kQueuesLimits{.min = 1, .max = 64};
inline constexpr Limits kUmemLimits{.min = core::kMiB, .max = core::kGiB, .is_bytes = true};
inline constexpr Limits kFrameLimits{
    .min = 4 * core::kKiB, .max = core::kMiB, .multiple = 4096, .is_bytes = true};
inline constexpr Limits kDiskDepthLimits{.min = 1, .max = 256};
inline constexpr Limits kBusyPollLimits{.min = 0, .max = 10'000};
/// One request of the latency arm: whole blocks of verification.
inline constexpr Limits kLatencySizeLimits{
    .min = 4 * core::kKiB, .max = core::kMiB, .multiple = 4096, .is_bytes = true};
inline constexpr Limits kOutstandingLimits{.min = 1, .max = 64};
inline constexpr Limits kRequestsLimits{.min = 1, .max = 1'000'000};
inline constexpr Limits kRingLimits{.min = 64, .max = 32768, .power_of_two = true};

[[nodiscard]] bool fits(std::uint64_t value, const Limits& limits);

/// "write 1 to 1000": how a message ends whose value does not fit.
[[nodiscard]] std::string advice(const Limits& limits);

/// The value that `text` names among `choices`; throws core::UsageError that lists them.
template<typename T>
[[nodiscard]] T parse_choice(std::string_view text, std::string_view what,
                             std::span<const std::pair<std::string_view, T>> choices)
{
    std::string names;
    for (const auto& [name, value] : choices) {
        if (text == name)
            return value;
        names += fmt::format("{}{:?}", names.empty() ? "" : " or ", name);
    }
    throw core::UsageError(fmt::format("{:?} is not a {}: write {}", text, what, names));
}

template<typename T>
[[nodiscard]] T parse_choice(std::string_view text, std::string_view what,
                             std::initializer_list<std::pair<std::string_view, T>> choices)
{
    return parse_choice<T>(text, what, std::span(choices.begin(), choices.size()));
}

} // namespace pagewire::testbed
