// SPDX-License-Identifier: BSD-3-Clause
// What apt's programs print.
#include "testbed/vm/apt.hpp"

#include <algorithm>

namespace pagewire::testbed::vm {

namespace {

std::string_view trimmed(std::string_view text)
{
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Calls `visit` with each part of `text` between separators.
template<typename Visit>
void for_each_part(std::string_view text, char separator, Visit visit)
{
    while (!text.empty()) {
        const auto end = std::min(text.find(separator), text.size());
        visit(trimmed(text.substr(0, end)));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

std::vector<std::string> parts(std::string_view text, char separator)
{
    std::vector<std::string> all;
    for_each_part(text, separator, [&](std::string_view part) { all.emplace_back(part); });
    return all;
}

} // namespace

std::vector<AptSource> parse_index_targets(std::string_view text)
{
    constexpr std::size_t num_fields = 4;
    std::vector<AptSource> sources;
    for_each_part(text, '\n', [&](std::string_view line) {
        const std::vector<std::string> fields = parts(line, '|');
        if (fields.size() != num_fields || fields[0] != "Debian" || fields[1] != "main")
            return;
        AptSource source{.uri = fields[2], .suite = fields[3]};
        if (std::find(sources.begin(), sources.end(), source) == sources.end())
            sources.push_back(std::move(source));
    });
    return sources;
}

std::vector<PackageVersion> parse_madison(std::string_view text)
{
    // " package | version | uri suite/component architecture Packages"
    constexpr std::size_t num_fields = 3;
    std::vector<PackageVersion> versions;
    for_each_part(text, '\n', [&](std::string_view line) {
        const std::vector<std::string> fields = parts(line, '|');
        if (fields.size() != num_fields || !fields[2].ends_with("Packages"))
            return;
        const std::vector<std::string> where = parts(fields[2], ' ');
        if (where.size() < 2)
            return;
        versions.push_back({.package = fields[0],
                            .version = fields[1],
                            .suite = where[1].substr(0, where[1].find('/'))});
    });
    return versions;
}

std::vector<std::string> parse_depends(std::string_view text)
{
    constexpr std::string_view field = "Depends:";
    std::vector<std::string> names;
    bool is_found = false;
    for_each_part(text, '\n', [&](std::string_view line) {
        if (is_found || !line.starts_with(field))
            return;
        is_found = true;
        for_each_part(line.substr(field.size()), ',', [&](std::string_view group) {
            for_each_part(group, '|', [&](std::string_view word) {
                names.emplace_back(word.substr(0, word.find_first_of(" :(")));
            });
        });
    });
    return names;
}

} // namespace pagewire::testbed::vm
