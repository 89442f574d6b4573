// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/source_file.hpp"
#include "core/support.hpp"
#include "core/system_root.hpp"
#include "nic/device_folder.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace pagewire::testbed::doctor {

/// An interface with hardware, or what a hypervisor shows as such.
struct Nic {
    std::string interface;
    std::string driver;
    std::optional<int> numa_node;
    std::vector<nic::DeviceIrq> irqs;
    bool xsk_zerocopy = false;   ///< NETDEV_XDP_ACT_XSK_ZEROCOPY
    std::optional<bool> napi_tx; ///< nic::XdpDevice
    std::string unreadable;      ///< why nothing more is known of it; empty where it is
};

/// The file to be sent, or the folder that generated files go to.
struct Source {
    std::string path;
    std::string file_system;
    bool is_file = false;
    std::uint64_t size = 0;                           ///< of a file, bytes
    std::optional<core::DirectIoAlignment> direct_io; ///< of a file
    std::string no_direct_io;                         ///< why there is none
    unsigned device_major = 0; ///< of its file system, as /sys/dev/block names it
    unsigned device_minor = 0;
};

/// What the doctor looks at: the kernel's files below `root`, and what only system calls tell.
struct Machine {
    core::SystemRoot root;
    core::Support af_xdp;
    core::Support bpf;
    core::Support fentry; ///< whether a program attached to a kernel function
    core::Support pmu;
    std::optional<std::uint64_t> memlock_bytes; ///< absent: no limit for this process
    std::vector<int> worker_cpus{0};            ///< as a lab would choose; never empty
    int sink_cpu = 0;
    std::vector<Nic> nics;
    std::optional<Source> source;
};

/// This machine, with `file` or, where it is empty, the folder of generated files (made where it is
/// missing, as a run does), and transfers of `num_queues` hardware queues, a thread each. Loads and
/// attaches one empty BPF program for a moment. Throws core::UsageError for a file that cannot be
/// opened.
[[nodiscard]] Machine this_machine(const std::string& file, std::uint32_t num_queues = 1);

/// Whether the kernel takes a BPF program of this process, and attaches one to a function.
struct BpfSupport {
    core::Support load;
    core::Support fentry;
};

[[nodiscard]] BpfSupport probe_bpf();

/// /sys/devices/system/cpu/cpuN
[[nodiscard]] std::filesystem::path cpu_folder(const Machine& machine, int cpu);

/// CPUs of a NUMA node; empty where the machine does not tell.
[[nodiscard]] std::vector<int> cpus_of_node(const Machine& machine, int node);

/// "0,2,3"
[[nodiscard]] std::string cpu_list_text(const std::vector<int>& cpus);

/// The worker CPUs that are not of this node; empty also where the machine does not tell.
[[nodiscard]] std::vector<int> workers_away_from(const Machine& machine, int node);

/// Kernel release, "6.18.44-x" as {6, 18}.
struct KernelVersion {
    int major = 0;
    int minor = 0;

    bool operator==(const KernelVersion&) const = default;

    friend bool operator<(const KernelVersion& a, const KernelVersion& b)
    {
        return std::tie(a.major, a.minor) < std::tie(b.major, b.minor);
    }
};

/// Nothing for what begins with no two numbers.
[[nodiscard]] std::optional<KernelVersion> parse_kernel_version(std::string_view release);

} // namespace pagewire::testbed::doctor
