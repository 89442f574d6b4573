// SPDX-License-Identifier: BSD-3-Clause
// Names and versions of kernels.
#include "testbed/vm/kernel.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace pagewire::testbed::vm {

namespace {

bool is_digit(char c)
{
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

/// deb-version(7), "Sorting algorithm": '~' before the end, the end before letters, letters before
/// the rest.
int order(char c)
{
    constexpr int behind_letters = 256;
    if (c == '~')
        return -1;
    if (std::isalpha(static_cast<unsigned char>(c)) != 0)
        return c;
    return c == '\0' || is_digit(c) ? 0 : c + behind_letters;
}

/// The part of `text` in front for which `take` holds, taken off it.
template<typename Predicate>
std::string_view take_while(std::string_view& text, Predicate take)
{
    const auto end = std::find_if_not(text.begin(), text.end(), take);
    const std::string_view part = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(part.size());
    return part;
}

} // namespace

bool names_release(std::string_view name, std::string_view release)
{
    if (!release.starts_with(name) || name.empty())
        return false;
    return name.size() == release.size() || !is_digit(name.back()) ||
           !is_digit(release[name.size()]);
}

bool version_less(std::string_view a, std::string_view b)
{
    const auto is_other = [](char c) { return !is_digit(c); };
    while (!a.empty() || !b.empty()) {
        const std::string_view words_a = take_while(a, is_other);
        const std::string_view words_b = take_while(b, is_other);
        for (std::size_t i = 0; i < std::max(words_a.size(), words_b.size()); ++i) {
            const int at_a = order(i < words_a.size() ? words_a[i] : '\0');
            const int at_b = order(i < words_b.size() ? words_b[i] : '\0');
            if (at_a != at_b)
                return at_a < at_b;
        }
        std::string_view number_a = take_while(a, is_digit);
        std::string_view number_b = take_while(b, is_digit);
        (void)take_while(number_a, [](char c) { return c == '0'; });
        (void)take_while(number_b, [](char c) { return c == '0'; });
        if (number_a.size() != number_b.size())
            return number_a.size() < number_b.size();
        if (number_a != number_b)
            return number_a < number_b;
    }
    return false;
}

PackageVersion choose_kernel(const std::vector<PackageVersion>& versions, std::string_view name)
{
    const PackageVersion* best = nullptr;
    std::vector<std::string> offered;
    for (const PackageVersion& version : versions) {
        offered.push_back(version.version);
        if ((name == kNewestKernel || names_release(name, version.version)) &&
            (best == nullptr || version_less(best->version, version.version)))
            best = &version;
    }
    if (best == nullptr) {
        throw core::UsageError(fmt::format(
            "no kernel \"{}\": Debian's archive has {}; \"{}\" is "
            "the newest of them",
            name, offered.empty() ? "none" : fmt::format("{}", fmt::join(offered, ", ")),
            kNewestKernel));
    }
    return *best;
}

} // namespace pagewire::testbed::vm
