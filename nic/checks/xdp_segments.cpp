// SPDX-License-Identifier: BSD-3-Clause
// AF_XDP packets of several descriptors (XDP_USE_SG, Documentation/networking/af_xdp.rst,
// "Multi-Buffer Support"): whole up to the most that the mode takes, dropped whole beyond.
#include "core/error.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/rig.hpp"
#include "nic/checks/xsk_probe.hpp"
#include "nic/xdp_device.hpp"
#include "nic/xsk_setup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

namespace pagewire::nic {

namespace {

constexpr std::chrono::milliseconds kLongestCompletion{300};
/// net/xdp/xsk.c: a page fragment each (MAX_SKB_FRAGS, 17), and the linear area.
constexpr std::size_t kCopyModeMost = 18;

/// Nearly equal parts.
std::vector<std::span<const std::byte>> cut(std::span<const std::byte> frame, std::size_t parts)
{
    std::vector<std::span<const std::byte>> segments;
    for (std::size_t i = 0; i < parts; ++i) {
        const std::size_t begin = frame.size() * i / parts;
        segments.push_back(frame.subspan(begin, frame.size() * (i + 1) / parts - begin));
    }
    return segments;
}

Finding run_with(Rig& rig, XskProbe& probe, std::size_t most)
{
    Judgement judgement;
    Capture far(rig.far.netns, rig.far.interface);
    const auto frames = make_probe_frames(rig, 5);
    const std::array<std::size_t, 3> counts{2, std::min<std::size_t>(3, most), most};
    std::vector<std::vector<std::byte>> sent;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        const auto& frame = frames[i + 1]; // the shortest has no octets for so many parts
        probe.put(cut(frame, counts[i]));
        sent.push_back(frame);
    }
    probe.submit();
    probe.kick();
    const auto within = take_probe_frames(far, sent.size());
    judgement.observe(probe.is_zerocopy() ? "zero-copy" : "copy",
                      fmt::format("packets of {}, {} and {} descriptors: {} of {} arrived, {} "
                                  "invalid descriptors",
                                  counts[0], counts[1], counts[2], within.size(), sent.size(),
                                  probe.num_invalid()));
    judge_arrivals(sent, within, "up to the most", judgement);

    probe.put(cut(frames.back(), most + 1));
    probe.put(frames.front()); // goes on behind it
    probe.submit();
    probe.kick();
    const auto beyond = take_probe_frames(far, 1);
    const auto completions = probe.take_completions(probe.addresses().size(), kLongestCompletion);
    judgement.observe("too many",
                      fmt::format("a packet of {} descriptors, and one behind it: {} arrived, {} "
                                  "invalid descriptors, {} completions of {}",
                                  most + 1, beyond.size(), probe.num_invalid(), completions.size(),
                                  probe.addresses().size()));
    judge_arrivals({frames.front()}, beyond, "beyond the most", judgement);
    if (probe.num_invalid() == 0)
        judgement.fail("a packet of too many descriptors was dropped, and no counter says so");
    return std::move(judgement).finish();
}

Finding run(Rig& rig)
{
    if (const core::Support sockets = probe_xdp_sockets(); !sockets)
        return Judgement::skip(sockets.reason());
    std::unique_ptr<XskProbe> probe;
    try {
        probe = std::make_unique<XskProbe>(rig.near, XskProbeConfig{.several_segments = true});
    } catch (const core::SystemError& error) {
        return Judgement::skip(error.what()); // before Linux 6.6, or one segment in zero-copy
    }
    const XdpDevice device = probe_xdp_device(rig.near.netns, rig.near.interface);
    const std::size_t most = probe->is_zerocopy()
                                 ? std::min<std::size_t>(device.zc_segments_max, kCopyModeMost)
                                 : kCopyModeMost;
    return run_with(rig, *probe, most);
}

} // namespace

extern const Check check_xdp_segments{
    .name = "xdp-segments",
    .summary = "AF_XDP packets of several descriptors: whole up to the most, dropped whole beyond",
    .run = run};

} // namespace pagewire::nic
