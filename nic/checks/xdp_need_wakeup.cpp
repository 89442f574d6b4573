// SPDX-License-Identifier: BSD-3-Clause
// XDP_USE_NEED_WAKEUP: the TX ring's flag says whether the kernel has to be woken
// (Documentation/networking/af_xdp.rst, "XDP_USE_NEED_WAKEUP bind flag").
#include "core/error.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/rig.hpp"
#include "nic/checks/xsk_probe.hpp"
#include "nic/xsk_setup.hpp"

#include <fmt/format.h>

#include <chrono>

namespace pagewire::nic {

namespace {

constexpr std::chrono::milliseconds kLongestCompletion{300};
constexpr std::size_t kNumFrames = 8;

Finding run(Rig& rig)
{
    if (const core::Support sockets = probe_xdp_sockets(); !sockets)
        return Judgement::skip(sockets.reason());
    Judgement judgement;
    XskProbe probe(rig.near, {});
    Capture far(rig.far.netns, rig.far.interface);
    const auto frames = make_probe_frames(rig, kNumFrames);
    for (const auto& frame : frames)
        probe.put(frame);
    const bool wakeup_needed = probe.needs_wakeup();
    probe.submit();
    const auto unwoken = take_probe_frames(far, wakeup_needed ? 0 : frames.size());
    const std::string mode = probe.is_zerocopy() ? "zero-copy" : "copy";
    judgement.observe("no wakeup", fmt::format("{} mode, the flag is {}: {} of {} frames left by "
                                               "themselves",
                                               mode, wakeup_needed ? "set" : "clear",
                                               unwoken.size(), frames.size()));
    if (!wakeup_needed) {
        judge_arrivals(frames, unwoken, "flag clear, no wakeup", judgement);
        return std::move(judgement).finish();
    }
    probe.kick();
    const auto completions = probe.take_completions(frames.size(), kLongestCompletion);
    const auto woken = take_probe_frames(far, frames.size() - unwoken.size());
    judgement.observe("wakeup", fmt::format("{} frames more, {} completions in all", woken.size(),
                                            completions.size()));
    if (unwoken.size() + woken.size() != frames.size())
        judgement.fail(fmt::format("flag set: after a wakeup {} of {} frames have left",
                                   unwoken.size() + woken.size(), frames.size()));
    if (unwoken.size() == frames.size())
        judgement.not_in_effect("the flag asks for a wakeup that nothing needs");
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_xdp_need_wakeup{
    .name = "xdp-need-wakeup",
    .summary = "AF_XDP: nothing waits in the ring while its flag says that no wakeup is needed",
    .run = run};

} // namespace pagewire::nic
