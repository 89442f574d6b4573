// SPDX-License-Identifier: BSD-3-Clause
#include "cli/nic_check_report.hpp"

#include "cli/commands.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

namespace pagewire::cli {

namespace {

using nic::CheckResult;
using nic::Verdict;

constexpr std::size_t kFrameOctetsShown = 128; // headers, and some of the payload

std::string_view verdict_name(const CheckResult& result)
{
    return core::name_of(nic::kVerdictNames, result.finding.verdict);
}

std::ptrdiff_t count(const CheckReport& report, Verdict verdict)
{
    return std::count_if(
        report.results.begin(), report.results.end(),
        [verdict](const CheckResult& result) { return result.finding.verdict == verdict; });
}

std::string hex(std::span<const std::byte> octets)
{
    return fmt::format("{:02x}", fmt::join(octets, ""));
}

std::string frame_lines(std::span<const std::byte> frame)
{
    constexpr std::size_t octets_a_line = 32;
    const auto shown = frame.first(std::min(frame.size(), kFrameOctetsShown));
    std::string lines = fmt::format("    the frame, {} octets:\n", frame.size());
    for (std::size_t at = 0; at < shown.size(); at += octets_a_line)
        lines += fmt::format("      {:04x}  {}\n", at,
                             hex(shown.subspan(at, std::min(octets_a_line, shown.size() - at))));
    return lines;
}

std::string totals(const CheckReport& report)
{
    return fmt::format("{} passed, {} failed, {} not in effect, {} skipped",
                       count(report, Verdict::kPass), count(report, Verdict::kFail),
                       count(report, Verdict::kNotInEffect), count(report, Verdict::kSkip));
}

/// `text` behind `head`, in lines that fit a terminal of 100 columns; those that follow begin where
/// the text began.
std::string wrapped(const std::string& head, std::string_view text)
{
    constexpr std::size_t columns = 100;
    std::string lines = head;
    std::size_t column = head.size();
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        const std::string_view word = text.substr(at, end - at);
        if (column + word.size() > columns && column > head.size()) {
            lines.back() = '\n'; // the space before it
            lines += std::string(head.size(), ' ');
            column = head.size();
        }
        lines += word;
        column += word.size();
        if (end < text.size()) {
            lines += ' ';
            ++column;
        }
        at = end + 1;
    }
    while (lines.ends_with(' '))
        lines.pop_back();
    return lines + "\n";
}

std::string details(const CheckResult& result)
{
    std::string lines;
    std::size_t arm_width = 0;
    for (const nic::Observation& seen : result.finding.observations)
        arm_width = std::max(arm_width, seen.arm.size());
    for (const nic::Observation& seen : result.finding.observations)
        lines += wrapped(fmt::format("    {:<{}} ", seen.arm, arm_width), seen.text);
    if (!result.finding.frame.empty())
        lines += frame_lines(result.finding.frame);
    return lines;
}

std::string escaped(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        default:
            // XML 1.0 §2.2 has no other control characters.
            if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t')
                out += c;
        }
    }
    return out;
}

std::string test_case(const CheckReport& report, const CheckResult& result)
{
    std::string text =
        fmt::format("  <testcase classname=\"pagewire.nic.{}\" name=\"{}\" time=\"{:.3f}\">\n",
                    escaped(report.near), escaped(result.check->name), result.seconds.count());
    if (result.finding.verdict == Verdict::kFail)
        text += fmt::format("    <failure message=\"{}\">{}</failure>\n",
                            escaped(result.finding.reason), escaped(details(result)));
    else if (result.finding.verdict == Verdict::kSkip)
        text += fmt::format("    <skipped message=\"{}\"/>\n", escaped(result.finding.reason));
    text +=
        fmt::format("    <system-out>{}: {}\n{}</system-out>\n  </testcase>\n",
                    verdict_name(result), escaped(result.finding.reason), escaped(details(result)));
    return text;
}

} // namespace

std::string check_table(const CheckReport& report)
{
    std::string text =
        fmt::format("{} -> {}{}\n", report.near, report.far,
                    report.is_virtual ? "   (virtual devices: no wire between them)" : "");
    for (const CheckResult& result : report.results) {
        text += wrapped(fmt::format("{:<18} {:<14} ", result.check->name, verdict_name(result)),
                        result.finding.reason);
        text += details(result);
    }
    return text + totals(report) + "\n";
}

nlohmann::json check_json(const CheckReport& report)
{
    nlohmann::json checks = nlohmann::json::array();
    for (const CheckResult& result : report.results) {
        nlohmann::json observations = nlohmann::json::array();
        for (const nic::Observation& seen : result.finding.observations)
            observations.push_back({{"arm", seen.arm}, {"seen", seen.text}});
        checks.push_back(
            {{"check", result.check->name},
             {"summary", result.check->summary},
             {"verdict", verdict_name(result)},
             {"reason", result.finding.reason},
             {"observations", observations},
             {"frame", result.finding.frame.empty() ? nlohmann::json(nullptr)
                                                    : nlohmann::json(hex(result.finding.frame))},
             {"seconds", result.seconds.count()}});
    }
    return {{"schema", "pagewire.nic-check/1"},
            {"interface", report.near},
            {"peer", report.far},
            {"virtual", report.is_virtual},
            {"checks", checks}};
}

std::string check_junit(const CheckReport& report)
{
    double seconds = 0;
    for (const CheckResult& result : report.results)
        seconds += result.seconds.count();
    std::string text = fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<testsuite name=\"pagewire nic check {}\" tests=\"{}\" failures=\"{}\" errors=\"0\" "
        "skipped=\"{}\" time=\"{:.3f}\">\n",
        escaped(report.near), report.results.size(), count(report, Verdict::kFail),
        count(report, Verdict::kSkip), seconds);
    for (const CheckResult& result : report.results)
        text += test_case(report, result);
    return text + "</testsuite>\n";
}

int check_exit_code(const CheckReport& report)
{
    if (count(report, Verdict::kFail) > 0)
        return kFoundWrong;
    return count(report, Verdict::kSkip) == static_cast<std::ptrdiff_t>(report.results.size())
               ? kUsage
               : kDone;
}

} // namespace pagewire::cli
