// SPDX-License-Identifier: BSD-3-Clause
// GRO in hardware: merged by the device so that the kernel could cut it again.
#include "nic/checks/receive_merging.hpp"

namespace pagewire::nic {

extern const Check check_gro_hw{
    .name = "gro-hw",
    .summary = "TCP packets merged by the device as GRO would: fewer frames, the same stream",
    .run = [](Rig& rig) { return check_merging(rig, "rx-gro-hw"); }};

} // namespace pagewire::nic
