// SPDX-License-Identifier: BSD-3-Clause
// The build without libbpf: whether the kernel would take a program is not known.
#include "testbed/doctor/machine.hpp"

namespace pagewire::testbed::doctor {

BpfSupport probe_bpf()
{
    const auto unknown = core::Support::unavailable("this pagewire was built without libbpf");
    return {.load = unknown, .fentry = unknown};
}

} // namespace pagewire::testbed::doctor
