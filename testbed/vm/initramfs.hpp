// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/vm/kernel.hpp"
#include "testbed/vm/tools.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

/// The guest's first file system, made anew for each start, in memory:
///
///   /init                          guest_init.sh
///   /bin/busybox                   its shell and every program that it uses
///   /pagewire/modules/*.ko, order  drivers, unpacked: what the guest needs to see the host's root,
///                                  and those of the lab's devices, which load faster from here
///   /pagewire/environment          PAGEWIRE_VM_...: what this start is
///   /pagewire/job                  the command, as a shell script
///   /pagewire/bin/modprobe         for every other driver
namespace pagewire::testbed::vm {

/// What the guest is to do.
struct GuestJob {
    std::vector<std::string> command = {};               ///< empty: an interactive shell
    std::string folder = {};                             ///< where it runs
    std::map<std::string, std::string> environment = {}; ///< all of it
    unsigned terminal_rows = 0;                          ///< of a shell's terminal; 0: not known
    unsigned terminal_columns = 0;
};

/// A word that a shell takes as it is.
[[nodiscard]] std::string shell_quoted(std::string_view word);

/// The job as a script for a POSIX shell.
[[nodiscard]] std::string job_script(const GuestJob& job);

struct InitramfsConfig {
    const Kernel* kernel = nullptr;
    const Tools* tools = nullptr;
    const GuestJob* job = nullptr;
    unsigned num_ports = 0;   ///< network devices that the guest waits for
    bool has_results = false; ///< a folder of the host's takes results
};

[[nodiscard]] std::string make_initramfs(const InitramfsConfig& config);

} // namespace pagewire::testbed::vm
