// SPDX-License-Identifier: BSD-3-Clause
// Large receive offload: merged by the device, whose merge the kernel cannot undo.
#include "nic/checks/receive_merging.hpp"

namespace pagewire::nic {

extern const Check check_lro{
    .name = "lro",
    .summary = "TCP packets merged by the device on receive: fewer frames, the same stream",
    .run = [](Rig& rig) { return check_merging(rig, "rx-lro"); }};

} // namespace pagewire::nic
