// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/vm/tools.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace pagewire::testbed::vm {

enum class Accelerator : std::uint8_t {
    kEmulation, ///< QEMU's own (TCG): works everywhere
    kKvm,
};

/// A machine for QEMU. Descriptors are those that it inherits, by their numbers.
struct MachineConfig {
    Accelerator accelerator = Accelerator::kEmulation;
    unsigned num_cpus = 2;
    unsigned memory_mib = 2048;
    std::string kernel = {};              ///< path of vmlinuz
    std::vector<std::string> append = {}; ///< words for the kernel's command line
    int initramfs = -1;
    int disk = -1; ///< the NVMe disk's medium
    std::array<int, 2> taps{-1, -1};
    int console = -1; ///< sockets: the kernel's console,
    int control = -1; ///< lines of guest_init.sh,
    int out = -1;     ///< the job's outputs
    int err = -1;
    int terminal = -1;        ///< of a shell; -1: none
    std::string results = {}; ///< folder of the host's that the guest writes to; empty: none
    std::string gdb = {};     ///< path of a socket for gdb; empty: none
};

/// The network devices that it has.
inline constexpr unsigned kNumMachinePorts = 5;

/// QEMU's arguments, its own name first.
[[nodiscard]] std::vector<std::string> qemu_arguments(const MachineConfig& machine,
                                                      const Tools& tools);

} // namespace pagewire::testbed::vm
