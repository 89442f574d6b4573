// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/report/latency_table.hpp"

#include "core/units.hpp"
#include "testbed/report/fields.hpp"
#include "testbed/report/words.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

namespace pagewire::testbed::report {

namespace {

constexpr const char* kLine = "{:<{}} {:<5} {:>8} {:>6} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8}  {}\n";

/// Microseconds with about three digits.
std::string us_text(const json& row, const char* pointer)
{
    constexpr double few = 100;
    const auto us = number_at(row, pointer);
    return figure(us, us && *us < few ? 1 : 0);
}

std::string size_text(const json& row)
{
    const auto bytes = number_at(row, "/file_bytes");
    return bytes ? core::format_bytes(static_cast<std::uint64_t>(*bytes)) : "-";
}

/// Reasons that rows share stand once, with the methods that they are of.
class Reasons {
  public:
    void add(const json& row)
    {
        const std::string reason = text_at(row, "/reason");
        if (reason.empty())
            return;
        const auto who = fmt::format("{} {}", text_at(row, "/status"), text_at(row, "/method"));
        const auto it = std::find_if(reasons_.begin(), reasons_.end(),
                                     [&](const auto& known) { return known.first == reason; });
        if (it == reasons_.end())
            reasons_.emplace_back(reason, std::vector{who});
        else if (it->second.back() != who)
            it->second.push_back(who);
    }

    [[nodiscard]] std::string text() const
    {
        std::string text;
        for (const auto& [reason, whose] : reasons_)
            fmt::format_to(std::back_inserter(text), "  {}: {}\n", fmt::join(whose, ", "), reason);
        return text;
    }

  private:
    std::vector<std::pair<std::string, std::vector<std::string>>> reasons_;
};

std::string head(std::size_t width)
{
    std::string text = fmt::format(kLine, "", width, "", "size of", "in", "requests", "answered",
                                   "us", "us", "us", "us", "");
    text.erase(text.find_last_not_of(" \n") + 1);
    return text + '\n' +
           fmt::format(kLine, "latency", width, "cache", "answer", "flight", "counted", "a second",
                       "p50", "p99", "p99.9", "max", "status");
}

/// How the times were taken.
std::string setup_line(const json& document)
{
    const json& setup = at(document, "/latency_setup");
    std::string text = "  from request to last byte, closed loop";
    if (flag_at(setup, "/tcp_nodelay"))
        text += ", TCP_NODELAY";
    if (const auto error = number_at(setup, "/relative_error"))
        fmt::format_to(std::back_inserter(text), "; within {:.1f} %", *error * 100);
    if (const auto num = number_at(setup, "/warmup_requests"))
        fmt::format_to(std::back_inserter(text), "; {:.0f} warm-ups thrown away", *num);
    return text + '\n';
}

} // namespace

std::string latency_table(const json& document)
{
    const json& rows = at(document, "/latency");
    if (!rows.is_array() || rows.empty())
        return {};
    std::size_t width = 12;
    for (const json& row : rows)
        width = widened(width, text_at(row, "/method"));
    std::string lines;
    Reasons reasons;
    bool verified = true;
    for (const json& row : rows) {
        reasons.add(row);
        if (text_at(row, "/status") == "skipped")
            continue;
        verified = verified && flag_at(row, "/integrity/verified");
        fmt::format_to(
            std::back_inserter(lines), kLine, text_at(row, "/method"), width,
            text_at(row, "/cache"), size_text(row), figure(number_at(row, "/outstanding"), 0),
            figure(number_at(row, "/num_requests"), 0),
            figure(number_at(row, "/requests_per_s"), 0), us_text(row, "/latency_us/p50"),
            us_text(row, "/latency_us/p99"), us_text(row, "/latency_us/p99_9"),
            us_text(row, "/latency_us/max"), text_at(row, "/status"));
    }
    if (lines.empty())
        return "latency: no method of this plan was measured\n" + reasons.text() + '\n';
    std::string text = head(width) + lines;
    if (!verified)
        text += "  answers not verified: times only\n";
    return text + setup_line(document) + reasons.text() + '\n';
}

} // namespace pagewire::testbed::report
