// SPDX-License-Identifier: BSD-3-Clause
// AF_XDP in zero-copy mode (XDP_ZEROCOPY): granted where the driver says that it has it, and only
// there.
#include "core/error.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/rig.hpp"
#include "nic/checks/xsk_probe.hpp"
#include "nic/xdp_device.hpp"
#include "nic/xsk_setup.hpp"

#include <fmt/format.h>

#include <memory>

namespace pagewire::nic {

namespace {

constexpr std::size_t kNumFrames = 64;

Finding run(Rig& rig)
{
    if (const core::Support sockets = probe_xdp_sockets(); !sockets)
        return Judgement::skip(sockets.reason());
    const XdpDevice device = probe_xdp_device(rig.near.netns, rig.near.interface);
    std::unique_ptr<XskProbe> probe;
    try {
        probe =
            std::make_unique<XskProbe>(rig.near, XskProbeConfig{.bind = core::BindMode::kZerocopy});
    } catch (const core::SystemError& error) {
        if (!device.has_xsk_zerocopy())
            return Judgement::skip(fmt::format("{}: the driver does not say that it has it, and {}",
                                               rig.near.interface, error.what()));
        Judgement judgement;
        judgement.observe("zero-copy", error.what());
        judgement.fail(fmt::format("advertised (xsk-zerocopy), and refused: {}", error.what()));
        return std::move(judgement).finish();
    }
    Judgement judgement;
    if (!probe->is_zerocopy())
        judgement.fail("bound with XDP_ZEROCOPY, and the kernel does not report zero-copy");
    send_and_judge(rig, *probe, make_probe_frames(rig, kNumFrames), "zero-copy", judgement);
    if (device.has_features && !device.has_xsk_zerocopy())
        judgement.note("granted, though the driver does not say that it has it");
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_xdp_zerocopy{
    .name = "xdp-zerocopy",
    .summary = "AF_XDP in zero-copy mode: granted where advertised, and the frames arrive",
    .run = run};

} // namespace pagewire::nic
