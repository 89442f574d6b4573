// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/doctor/doctor.hpp"

#include "core/named.hpp"
#include "testbed/doctor/families.hpp" // generated

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

namespace pagewire::testbed::doctor {

namespace {

constexpr core::Names<Severity, 4> kSeverityNames = {{
    {"ok", Severity::kOk},
    {"note", Severity::kNote},
    {"warning", Severity::kWarning},
    {"error", Severity::kError},
}};

nlohmann::json or_null(const std::string& text)
{
    return text.empty() ? nlohmann::json(nullptr) : nlohmann::json(text);
}

} // namespace

Findings examine(const Machine& machine)
{
    Findings findings;
    for (const Family* family : kFamilies)
        family->examine(machine, findings);
    return findings;
}

std::string_view severity_name(Severity severity)
{
    return core::name_of(kSeverityNames, severity);
}

nlohmann::json findings_json(std::span<const Finding> findings)
{
    nlohmann::json document = nlohmann::json::array();
    for (const Finding& finding : findings)
        document.push_back({{"id", finding.id},
                            {"severity", severity_name(finding.severity)},
                            {"seen", finding.seen},
                            {"why", or_null(finding.why)},
                            {"fix", or_null(finding.fix)}});
    return document;
}

std::string findings_table(std::span<const Finding> findings)
{
    std::vector<const Finding*> worst_first;
    std::map<Severity, int> counts;
    for (const Finding& finding : findings) {
        worst_first.push_back(&finding);
        ++counts[finding.severity];
    }
    std::stable_sort(worst_first.begin(), worst_first.end(),
                     [](const auto* a, const auto* b) { return a->severity > b->severity; });
    constexpr const char* line = "{:<8} {:<21} {}\n";
    std::string text = fmt::format(line, "severity", "finding", "seen");
    const auto out = std::back_inserter(text);
    for (const Finding* finding : worst_first) {
        fmt::format_to(out, line, severity_name(finding->severity), finding->id, finding->seen);
        if (!finding->why.empty())
            fmt::format_to(out, line, "", "  why", finding->why);
        if (!finding->fix.empty())
            fmt::format_to(out, line, "", "  fix", finding->fix);
    }
    fmt::format_to(out, "\n{} errors, {} warnings, {} notes, {} ok\n", counts[Severity::kError],
                   counts[Severity::kWarning], counts[Severity::kNote], counts[Severity::kOk]);
    return text;
}

} // namespace pagewire::testbed::doctor
