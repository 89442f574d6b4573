// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"
#include "testbed/vm/initramfs.hpp"
#include "testbed/vm/kernel.hpp"
#include "testbed/vm/qemu.hpp"
#include "testbed/vm/tools.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::testbed::vm {

enum class GuestStream : std::uint8_t { kOut, kErr, kConsole };

struct GuestConfig {
    const Kernel* kernel = nullptr;
    const Tools* tools = nullptr;
    GuestJob job = {};
    Accelerator accelerator = Accelerator::kEmulation;
    std::vector<std::string> append = {}; ///< more words for the kernel's command line
    unsigned num_cpus = 2;
    unsigned memory_mib = 2048;
    int disk = -1;                          ///< medium of the NVMe disk
    std::string results = {};               ///< folder that takes results; empty: none
    std::string gdb = {};                   ///< path of a socket for gdb; empty: none
    std::chrono::milliseconds time_limit{}; ///< of all: boot, drivers, job
    /// What comes from the guest, in the order in which each stream has it.
    std::function<void(GuestStream, std::string_view)> output = {};
    /// Set: the guest is ended. May be null.
    const std::atomic<bool>* interrupted = nullptr;
    /// A terminal of the caller's that an interactive job is joined to.
    int terminal_in = -1;
    int terminal_out = -1;
};

struct GuestEnd {
    enum class How : std::uint8_t {
        kExited,      ///< the job ended: exit_code
        kDied,        ///< the guest ended before its job: a panic, or QEMU could not go on
        kTimeLimit,   ///< it was ended at the time limit
        kInterrupted, ///< it was ended because the caller wished
    };
    How how = How::kDied;
    int exit_code = 0;
    std::string release;               ///< of the guest's kernel, once it was ready
    std::chrono::milliseconds ready{}; ///< from the start until the job began; 0: never
    std::string reason;                ///< why it died
    std::vector<std::string> console;  ///< last lines of its kernel's
};

/// Boots the guest, runs its job, and ends it. Whatever ends this process ends the guest: QEMU dies
/// with it (PR_SET_PDEATHSIG), and everything else that it is made of has no name and goes with its
/// descriptors. Throws SystemError, core::UsageError where it cannot be started.
[[nodiscard]] GuestEnd run_guest(const GuestConfig& config);

} // namespace pagewire::testbed::vm
