// SPDX-License-Identifier: BSD-3-Clause
// Every feature of both ends turned over and back under a running TCP stream: not an octet may be
// lost or changed.
#include "core/error.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/rig.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <vector>

namespace pagewire::nic {

namespace {

/// Long enough for some packets to pass in each state.
constexpr std::chrono::milliseconds kDwell{5};

/// Such a device sends to itself: that the stream breaks is the feature.
constexpr std::array<std::string_view, 1> kNotToTurn{"loopback"};

struct Turned {
    std::vector<std::string> names;
    std::vector<std::string> unmoved; ///< asked for, and not followed: what it needs is off
};

std::vector<std::pair<std::string, bool>> changeable(const Rig::End& end)
{
    std::vector<std::pair<std::string, bool>> found;
    for (const auto& [name, feature] : read_features(end.netns, end.interface)) {
        const bool spared =
            std::find(kNotToTurn.begin(), kNotToTurn.end(), name) != kNotToTurn.end();
        if (feature.hw && !feature.fixed && !spared)
            found.emplace_back(name, feature.active);
    }
    return found;
}

Turned turn_all(Rig& rig, Rig::End& end, const std::function<bool()>& flowing)
{
    Turned turned;
    for (const auto& [name, was_active] : changeable(end)) {
        rig.refuse_interruption();
        if (!flowing())
            throw core::TransferError(
                fmt::format("the stream ended after {} of {} was turned",
                            turned.names.empty() ? "nothing" : turned.names.back(), end.interface));
        try {
            end.guard.apply({{name, !was_active}}); // the one before it goes back
            turned.names.push_back(name);
        } catch (const core::TransferError&) {
            turned.unmoved.push_back(name);
        }
        std::this_thread::sleep_for(kDwell);
    }
    end.guard.apply({});
    return turned;
}

std::string describe(const Rig::End& end, const Turned& turned)
{
    std::string text = fmt::format("{}: {} features turned over and back: {}", end.interface,
                                   turned.names.size(), fmt::join(turned.names, ", "));
    if (!turned.unmoved.empty())
        text += fmt::format("; not to be turned alone: {}", fmt::join(turned.unmoved, ", "));
    return text;
}

Finding run(Rig& rig)
{
    Judgement judgement;
    for (Rig::End* end : {&rig.near, &rig.far}) {
        TcpPair pair(rig, IpVersion::k4, kLinkPatience);
        Turned turned;
        const StreamReport report = stream_beside(pair, [&](const std::function<bool()>& flowing) {
            turned = turn_all(rig, *end, flowing);
        });
        if (turned.names.empty()) {
            judgement.note(fmt::format("{}: no feature can be turned", end->interface));
            continue;
        }
        const std::string words =
            fmt::format("{}; the stream: {}", describe(*end, turned), describe(report));
        judgement.observe(end == &rig.near ? "near" : "far", words);
        if (!report.is_whole())
            judgement.fail(words);
    }
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_toggle{
    .name = "toggle",
    .summary = "every feature turned over and back under a TCP stream: no octet lost or changed",
    .run = run};

} // namespace pagewire::nic
