// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/vm/cache.hpp"
#include "testbed/vm/qemu.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace pagewire::testbed::vm {

/// The CPUs that /proc/cpuinfo tells of can virtualise ("vmx", "svm"). /dev/kvm alone says nothing:
/// a kernel may offer it over a software that cannot run every kernel.
[[nodiscard]] bool cpu_can_virtualise(std::string_view cpuinfo);

/// KVM where a guest has been seen to boot with it; else QEMU's own emulation. `boots` tries it,
/// and is asked once for each boot of this machine: the answer is kept in the cache.
[[nodiscard]] Accelerator choose_accelerator(const Cache& cache, std::string_view cpuinfo,
                                             const std::function<bool()>& boots);

} // namespace pagewire::testbed::vm
