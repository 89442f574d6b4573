// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/vm/guest.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

/// The virtual hardware lab: a command in a guest with two igb ports on one wire, two virtio ports
/// on another, an NVMe disk and an IOMMU, over this machine's own files. docs/vm-lab.md.
namespace pagewire::testbed::vm {

struct VmConfig {
    std::vector<std::string> command = {}; ///< empty: an interactive shell
    std::string kernel = "newest";         ///< find_kernel()
    bool update = false;                   ///< look for a newer one
    std::chrono::seconds time_limit{300};
    std::string results = {}; ///< folder for the guest's results, which is made; empty: none
    std::string gdb = {};     ///< socket for gdb; empty: none
    std::vector<std::string> append = {}; ///< words for the kernel's command line
    unsigned memory_mib = 2048;
    std::uint64_t file_bytes = 0; ///< of the generated file on the NVMe disk; 0: none
    std::function<void(const std::string&)> note = {}; ///< what is done that takes its time
    std::function<void(GuestStream, std::string_view)> output = {};
    const std::atomic<bool>* interrupted = nullptr;
    int terminal_in = -1;
    int terminal_out = -1;
};

/// Where the guest has its NVMe disk, and where the folder of results.
inline constexpr const char* kGuestDisk = "/pagewire/disk";
inline constexpr const char* kGuestResults = "/pagewire/results";

/// The port that a run in the guest sends from, unless it names another.
inline constexpr const char* kDefaultPort = "igb0";

/// The port at the other end of its wire: "igb1" of "igb0".
[[nodiscard]] std::string partner_of(std::string port);

/// This process runs in the guest.
[[nodiscard]] bool is_inside();

/// Throws core::UsageError (what is missing, and what to do), SystemError.
[[nodiscard]] GuestEnd run_in_vm(const VmConfig& config);

} // namespace pagewire::testbed::vm
