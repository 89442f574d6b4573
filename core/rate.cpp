// SPDX-License-Identifier: BSD-3-Clause
#include "core/rate.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace pagewire::core {

namespace {

struct Unit {
    std::string_view name;
    double Rate::*figure;
    double factor;
};

constexpr std::array kUnits{
    Unit{"", &Rate::gbps, 1},
    Unit{"Gbps", &Rate::gbps, 1},
    Unit{"Gb/s", &Rate::gbps, 1},
    Unit{"pps", &Rate::packets_per_s, 1},
    Unit{"kpps", &Rate::packets_per_s, 1e3},
    Unit{"Mpps", &Rate::packets_per_s, 1e6},
};

/// Far beyond every link, and far from where nanoseconds between packets vanish in a double.
constexpr double kMaxFigure = 1e12;

bool is_figure(double figure)
{
    return figure >= 0 && figure <= kMaxFigure; // a NaN is not
}

} // namespace

bool Rate::is_valid() const noexcept
{
    return is_figure(gbps) && is_figure(packets_per_s) && (gbps == 0 || packets_per_s == 0);
}

Rate parse_rate(std::string_view text)
{
    double value = 0;
    const char* end = text.data() + text.size();
    const auto [rest, status] = std::from_chars(text.data(), end, value);
    std::string_view name(rest, static_cast<std::size_t>(end - rest));
    while (name.size() > 1 && name.front() == ' ')
        name.remove_prefix(1);
    if (status == std::errc{}) {
        for (const Unit& unit : kUnits) {
            Rate rate;
            rate.*unit.figure = value * unit.factor;
            if (name == unit.name && rate.is_valid())
                return rate;
        }
    }
    throw UsageError(fmt::format("'{}' is not a rate: {}", text, kRateAdvice));
}

std::string format_rate(const Rate& rate)
{
    if (rate.gbps > 0)
        return fmt::format("{} Gb/s", rate.gbps);
    if (rate.packets_per_s > 0)
        return fmt::format("{} pps", rate.packets_per_s);
    return "unlimited";
}

} // namespace pagewire::core
