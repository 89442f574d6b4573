// SPDX-License-Identifier: BSD-3-Clause
#include "nic/features.hpp"

#include "core/error.hpp"
#include "nic/feature_channel.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

namespace pagewire::nic {

namespace {

constexpr std::size_t kNumSuggestions = 3;

std::string_view on_off(bool on)
{
    return on ? "on" : "off";
}

bool changeable(const Feature& feature)
{
    return feature.hw && !feature.fixed;
}

/// Levenshtein's distance: single characters inserted, deleted or replaced to make `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b)
{
    // Distances from the first i characters of `a` to each prefix of `b`.
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

core::UsageError unknown_feature(const std::string& interface, const FeatureTable& table,
                                 const std::string& name)
{
    // A part of a name ("tcp-segmentation") is nearer to that name than any other name is.
    std::multimap<std::size_t, std::string_view> by_distance;
    for (const auto& [known, feature] : table)
        by_distance.emplace(known.find(name) != std::string::npos ? 0 : edit_distance(name, known),
                            known);
    std::vector<std::string_view> similar;
    similar.reserve(kNumSuggestions);
    for (auto it = by_distance.begin(); it != by_distance.end() && similar.size() < kNumSuggestions;
         ++it)
        similar.push_back(it->second);
    return core::UsageError(
        fmt::format("no NIC feature \"{}\": similar names are {}; \"ethtool -k {}\" lists all",
                    name, fmt::join(similar, ", "), interface));
}

/// Throws for a name that the kernel does not have, and for a state that the device cannot take.
/// Called before anything is changed, so that such a mistake leaves the device as it was.
void check_possible(const std::string& interface, const FeatureTable& table,
                    const FeatureSettings& settings)
{
    for (const auto& [name, on] : settings) {
        const auto found = table.find(name);
        if (found == table.end())
            throw unknown_feature(interface, table, name);
        if (found->second.active != on && !changeable(found->second))
            throw core::TransferError(
                fmt::format("{}: feature {} cannot be turned {}: fixed by the driver", interface,
                            name, on_off(on)));
    }
}

/// The part of `target` that has to be asked for.
FeatureSettings missing(const FeatureTable& present, const FeatureSettings& target)
{
    FeatureSettings requests;
    for (const auto& [name, on] : target)
        if (const Feature& feature = present.at(name); changeable(feature) && feature.wanted != on)
            requests.emplace(name, on);
    return requests;
}

/// Why a feature is not as asked: as far as the table tells.
std::string reason(const Feature& feature, bool on, const FeatureSettings& settings)
{
    if (feature.wanted != on)
        return "the request was not taken";
    if (!on)
        return "the kernel or the driver keeps it on";
    std::vector<std::string_view> off;
    for (const auto& [name, wanted_on] : settings)
        if (!wanted_on)
            off.push_back(name);
    std::string text = "dropped, as something that it depends on is off";
    if (!off.empty())
        text += fmt::format(" (asked to be off: {})", fmt::join(off, ", "));
    return text;
}

void verify_active(const std::string& interface, const FeatureTable& now,
                   const FeatureSettings& settings)
{
    for (const auto& [name, on] : settings)
        if (const Feature& feature = now.at(name); feature.active != on)
            throw core::TransferError(fmt::format("{}: feature {} stays {}: {}", interface, name,
                                                  on_off(feature.active),
                                                  reason(feature, on, settings)));
}

/// Features that are not in `settings` must be wanted as in the snapshot, and active as there
/// unless they depend on one that `settings` changes. Which ones depend on which is the kernel's
/// and each driver's own affair, so that any of them may have followed; where nothing was changed,
/// nothing can have.
void verify_rest(const std::string& interface, const FeatureTable& snapshot,
                 const FeatureTable& now, const FeatureSettings& settings)
{
    const bool may_follow = std::any_of(settings.begin(), settings.end(), [&](const auto& setting) {
        return snapshot.at(setting.first).active != setting.second;
    });
    for (const auto& [name, was] : snapshot) {
        const Feature& is = now.at(name);
        if (settings.contains(name) ||
            (is.wanted == was.wanted && (is.active == was.active || may_follow)))
            continue;
        throw core::TransferError(fmt::format(
            "{}: feature {} is {} (wanted {}) and was {} (wanted {}) before", interface, name,
            on_off(is.active), on_off(is.wanted), on_off(was.active), on_off(was.wanted)));
    }
}

} // namespace

FeatureTable read_features(const NetNamespace& netns, const std::string& interface)
{
    return FeatureChannel(netns, interface).read();
}

void set_features(const NetNamespace& netns, const std::string& interface,
                  const FeatureSettings& settings)
{
    FeatureChannel channel(netns, interface);
    const FeatureTable before = channel.read();
    check_possible(interface, before, settings);
    if (const FeatureSettings requests = missing(before, settings); !requests.empty())
        channel.ask(requests);
    verify_active(interface, channel.read(), settings);
}

void apply_over_snapshot(const NetNamespace& netns, const std::string& interface,
                         const FeatureTable& snapshot, const FeatureSettings& settings,
                         const std::function<void(const FeatureSettings& undo)>& before_change)
{
    check_possible(interface, snapshot, settings);
    FeatureSettings target = settings;
    for (const auto& [name, was] : snapshot)
        target.emplace(name, was.wanted); // leaves those alone that `settings` names

    FeatureChannel channel(netns, interface);
    const FeatureSettings requests = missing(channel.read(), target);
    if (!requests.empty()) {
        FeatureSettings undo;
        for (const auto& request : requests)
            undo.emplace(request.first, snapshot.at(request.first).wanted);
        before_change(undo); // a request that fails may have been half done
        channel.ask(requests);
    }
    const FeatureTable now = channel.read();
    verify_active(interface, now, settings);
    verify_rest(interface, snapshot, now, settings);
}

FeatureGuard::FeatureGuard(const NetNamespace& netns, std::string interface)
    : netns_(netns),
      interface_(std::move(interface)),
      snapshot_(read_features(netns_, interface_))
{}

FeatureGuard::~FeatureGuard()
{
    if (undo_.empty())
        return;
    try {
        restore();
    } catch (const core::UsageError&) {
        // The interface is gone, and its features with it.
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pagewire: %s; to mend it: ethtool -K %s", error.what(),
                     interface_.c_str());
        for (const auto& [name, on] : undo_)
            std::fprintf(stderr, " %s %s", name.c_str(), on ? "on" : "off");
        std::fputc('\n', stderr);
    }
}

void FeatureGuard::apply(const FeatureSettings& settings)
{
    apply_over_snapshot(netns_, interface_, snapshot_, settings, [&](const FeatureSettings& undo) {
        undo_.insert(undo.begin(), undo.end());
    });
}

void FeatureGuard::restore()
{
    apply({});
    undo_.clear();
}

} // namespace pagewire::nic
