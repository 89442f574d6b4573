// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/compare/circumstances.hpp"

#include "core/units.hpp"
#include "testbed/report/fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <string_view>

namespace pagewire::testbed {

namespace {

using nlohmann::json;

/// A fact of the document, and its name for a person.
struct Fact {
    const char* name;
    const char* where;
};

constexpr std::array<Fact, 14> kFacts{{
    {"pagewire", "/tool/version"},
    {"kernel", "/host/kernel"},
    {"distribution", "/host/distribution"},
    {"processor", "/host/processor"},
    {"CPUs", "/host/num_cpus"},
    {"memory", "/host/memory_bytes"},
    {"lab", "/lab/kind"},
    {"interface", "/lab/interface"},
    {"driver", "/lab/driver"},
    {"MTU", "/lab/mtu"},
    {"queues", "/lab/queues"},
    {"emulated", "/lab/emulated"},
    {"interrupted", "/interrupted"},
    {"rounds measured", "/rounds/measured"},
}};

/// Keys of the plan under names of their own; the others are called as the document calls them.
constexpr std::array<Fact, 5> kPlanNames{{
    {"file system", "file.file_system"},
    {"bytes sent", "file.length"},
    {"content", "file.digest"},
    {"chunk", "chunk_bytes"},
    {"file", "file.path"},
}};

/// Told as the first file's keys and the sizes of the others.
constexpr std::string_view kFiles = "files";

bool is_bytes(std::string_view name)
{
    return name.ends_with("_bytes") || name.ends_with(".length") || name.ends_with(".offset");
}

std::string value_text(const json& value, std::string_view name)
{
    if (value.is_null() || (value.is_string() && value.get_ref<const std::string&>().empty()))
        return "none";
    if (value.is_boolean())
        return value.get<bool>() ? "yes" : "no";
    if (value.is_string())
        return value.get<std::string>();
    if (value.is_number_unsigned() && is_bytes(name))
        return core::format_bytes(value.get<std::uint64_t>());
    if (value.is_array()) {
        std::string text;
        for (const json& element : value)
            text += (text.empty() ? "" : " ") + value_text(element, "");
        return text.empty() ? "none" : text;
    }
    return value.dump();
}

void add_difference(std::vector<std::string>& lines, std::string_view name, std::string_view key,
                    const json& was, const json& is)
{
    if (was != is)
        lines.push_back(
            fmt::format("{}: {} -> {}", name, value_text(was, key), value_text(is, key)));
}

std::string name_of_key(const std::string& key)
{
    const auto* found = std::find_if(kPlanNames.begin(), kPlanNames.end(),
                                     [&](const Fact& fact) { return key == fact.where; });
    return found == kPlanNames.end() ? "plan's " + key : found->name;
}

/// Every key that one of the two has; of objects, their keys.
void add_plan(std::vector<std::string>& lines, const json& before, const json& after,
              const std::string& prefix)
{
    std::set<std::string> keys;
    for (const json* plan : {&before, &after}) {
        for (const auto& element : plan->items())
            keys.insert(element.key());
    }
    static const json none;
    for (const std::string& key : keys) {
        const std::string path = prefix + key;
        if (path == kFiles)
            continue;
        const json& was = before.contains(key) ? before.at(key) : none;
        const json& is = after.contains(key) ? after.at(key) : none;
        if (was.is_object() && is.is_object())
            add_plan(lines, was, is, path + '.');
        else
            add_difference(lines, name_of_key(path), path, was, is);
    }
}

/// The sizes of all files but the first, which has keys of its own.
json other_files(const json& document)
{
    json files = json::array();
    const json& all = report::at(document, "/plan/files");
    for (std::size_t i = 1; all.is_array() && i < all.size(); ++i)
        files.push_back(report::bytes_at(all.at(i), "/length"));
    return files;
}

/// Of each finding that is no "ok": not what was seen, which has figures that never come twice.
std::set<std::string> findings_of(const json& document)
{
    std::set<std::string> findings;
    for (const json& finding : report::at(document, "/doctor")) {
        const std::string severity = report::text_at(finding, "/severity");
        if (severity != "ok")
            findings.insert(fmt::format("{} ({})", report::text_at(finding, "/id"), severity));
    }
    return findings;
}

} // namespace

std::vector<std::string> circumstances_of(const json& before, const json& after)
{
    std::vector<std::string> lines;
    for (const Fact& fact : kFacts)
        add_difference(lines, fact.name, fact.where, report::at(before, fact.where),
                       report::at(after, fact.where));
    add_plan(lines, report::at(before, "/plan"), report::at(after, "/plan"), "");
    add_difference(lines, "other files", "", other_files(before), other_files(after));
    const std::set<std::string> had = findings_of(before);
    const std::set<std::string> has = findings_of(after);
    for (const std::string& finding : had) {
        if (!has.contains(finding))
            lines.push_back("only before: " + finding);
    }
    for (const std::string& finding : has) {
        if (!had.contains(finding))
            lines.push_back("only after: " + finding);
    }
    return lines;
}

} // namespace pagewire::testbed
