// SPDX-License-Identifier: BSD-3-Clause
// AF_XDP in copy mode (XDP_COPY), which every driver has: the frames are those of the UMEM.
#include "core/error.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/rig.hpp"
#include "nic/checks/xsk_probe.hpp"
#include "nic/xsk_setup.hpp"

namespace pagewire::nic {

namespace {

constexpr std::size_t kNumFrames = 64;

Finding run(Rig& rig)
{
    if (const core::Support sockets = probe_xdp_sockets(); !sockets)
        return Judgement::skip(sockets.reason());
    Judgement judgement;
    XskProbe probe(rig.near, {.bind = core::BindMode::kCopy});
    if (probe.is_zerocopy())
        judgement.fail("bound with XDP_COPY, and the kernel reports zero-copy");
    send_and_judge(rig, probe, make_probe_frames(rig, kNumFrames), "copy", judgement);
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_xdp_copy{
    .name = "xdp-copy",
    .summary = "AF_XDP in copy mode: frames arrive as they lie in the UMEM, each comes back once",
    .run = run};

} // namespace pagewire::nic
