// SPDX-License-Identifier: BSD-3-Clause
// Generic receive offload (Documentation/networking/segmentation-offloads.rst): merged by the
// kernel.
#include "nic/checks/receive_merging.hpp"

namespace pagewire::nic {

extern const Check check_gro{
    .name = "gro",
    .summary = "TCP packets merged by the kernel on receive: fewer frames, the same stream",
    .run = [](Rig& rig) { return check_merging(rig, "rx-gro"); }};

} // namespace pagewire::nic
