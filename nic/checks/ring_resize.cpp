// SPDX-License-Identifier: BSD-3-Clause
// Descriptor rings made shorter and longer under a running TCP stream.
#include "core/error.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/rig.hpp"
#include "nic/rings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <thread>
#include <vector>

namespace pagewire::nic {

namespace {

constexpr std::chrono::milliseconds kDwell{200}; // a driver may take the link down for it

/// Half and all of what each ring may be.
std::vector<RingSettings> sizes_of(const LimitTable& rings)
{
    std::vector<RingSettings> sizes;
    for (const auto& [name, limit] : rings) {
        if (!limit.max || !limit.current || *limit.max < 2)
            continue;
        sizes.push_back({{name, *limit.max / 2}});
        sizes.push_back({{name, *limit.max}});
    }
    return sizes;
}

std::string words_of(const RingSettings& settings)
{
    std::vector<std::string> words;
    for (const auto& [name, entries] : settings)
        words.push_back(fmt::format("{} {}", name, entries));
    return fmt::format("{}", fmt::join(words, " "));
}

Finding run(Rig& rig)
{
    Judgement judgement;
    for (Rig::End* end : {&rig.near, &rig.far}) {
        const auto rings = read_rings(end->netns, end->interface);
        const auto sizes = rings ? sizes_of(*rings) : std::vector<RingSettings>{};
        if (sizes.empty()) {
            judgement.note(fmt::format("{}: the driver has no rings to resize", end->interface));
            continue;
        }
        std::vector<std::string> set;
        TcpPair pair(rig, IpVersion::k4, kLinkPatience);
        const StreamReport report = stream_beside(pair, [&](const std::function<bool()>& flowing) {
            for (const RingSettings& settings : sizes) {
                rig.refuse_interruption();
                end->guard.set_rings(settings);
                set.push_back(words_of(settings));
                std::this_thread::sleep_for(kDwell);
                if (!flowing())
                    throw core::TransferError(fmt::format("the stream ended after {}", set.back()));
            }
        });
        const std::string words = fmt::format("{}: {}; the stream: {}", end->interface,
                                              fmt::join(set, ", "), describe(report));
        judgement.observe(end == &rig.near ? "near" : "far", words);
        if (!report.is_whole())
            judgement.fail(words);
    }
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_ring_resize{
    .name = "ring-resize",
    .summary = "rings made shorter and longer under a TCP stream: no octet lost or changed",
    .run = run};

} // namespace pagewire::nic
