// SPDX-License-Identifier: BSD-3-Clause
#include "core/units.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace pagewire::core {

namespace {

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 5> kUnits{
    {{"KiB", kKiB}, {"MiB", kMiB}, {"GiB", kGiB}, {"TiB", kTiB}, {"PiB", kPiB}}};

std::uint64_t unit_factor(std::string_view unit)
{
    if (unit.empty() || unit == "B")
        return 1;
    for (const auto& [name, factor] : kUnits) {
        if (unit == name || unit == name.substr(0, 1))
            return factor;
    }
    return 0;
}

} // namespace

std::uint64_t parse_bytes(std::string_view text)
{
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [rest, status] = std::from_chars(text.data(), end, value);
    std::string_view unit(rest, static_cast<std::size_t>(end - rest));
    while (!unit.empty() && unit.front() == ' ')
        unit.remove_prefix(1);
    const std::uint64_t factor = unit_factor(unit);
    if (status != std::errc{} || factor == 0 ||
        value > std::numeric_limits<std::int64_t>::max() / factor) {
        throw UsageError(fmt::format(
            "'{}' is not a size: write bytes, or a number with KiB, MiB, GiB, TiB or PiB", text));
    }
    return value * factor;
}

std::string format_bytes(std::uint64_t bytes)
{
    std::string_view name = "B";
    std::uint64_t factor = 1;
    for (const auto& [unit, unit_bytes] : kUnits) {
        if (bytes >= unit_bytes) {
            name = unit;
            factor = unit_bytes;
        }
    }
    if (bytes % factor == 0)
        return fmt::format("{} {}", bytes / factor, name);
    if (bytes >= 64 * kKiB)
        return fmt::format("{:.1f} {}", static_cast<double>(bytes) / static_cast<double>(factor),
                           name);
    return fmt::format("{} B", bytes);
}

} // namespace pagewire::core
