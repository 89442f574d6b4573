// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/doctor/machine.hpp"
#include "tests/support/fake_system.hpp"

namespace pagewire::testbed::doctor {

/// A machine with which the doctor finds nothing wrong, to be spoiled by a test: 8 CPUs on two
/// nodes, workers on CPU 2 and the sink on CPU 3, a NIC and an NVMe disk on their node.
struct FitMachine {
    tests::FakeSystem files;
    Machine machine;

    FitMachine()
    {
        kernel_and_memory();
        cpus();
        disk();
        machine = {.root = files.root(),
                   .af_xdp = {},
                   .bpf = {},
                   .fentry = {},
                   .pmu = {},
                   .memlock_bytes = {},
                   .worker_cpus = {2},
                   .sink_cpu = 3,
                   .nics = {{.interface = "eth0",
                             .driver = "ixgbe",
                             .numa_node = 0,
                             .irqs = {{.number = 38,
                                       .handler = "eth0-rx-0",
                                       .cpus = {{0, 1}},
                                       .effective = {{0}}}},
                             .xsk_zerocopy = true,
                             .napi_tx = {},
                             .unreadable = {}}},
                   .source = Source{.path = "/srv/film",
                                    .file_system = "ext4",
                                    .is_file = true,
                                    .size = 1U << 30U,
                                    .direct_io = {{.memory = 512, .offset = 512}},
                                    .no_direct_io = {},
                                    .device_major = 259,
                                    .device_minor = 1}};
    }

    FitMachine& file(const std::string& name, const std::string& text)
    {
        files.file(name, text);
        return *this;
    }

  private:
    void kernel_and_memory()
    {
        file("proc/sys/kernel/osrelease", "6.12.1-amd64");
        file("sys/kernel/btf/vmlinux", "");
        file("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc");
        file("sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected");
        file("proc/cmdline", "quiet");
        file("proc/meminfo", "MemTotal:       16777216 kB\nMemAvailable:   8388608 kB\n"
                             "HugePages_Total:      64\nHugePages_Free:       64\n"
                             "Hugepagesize:       2048 kB");
        file("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0");
        file("sys/class/iommu/dmar0/name", "");
        file("sys/kernel/iommu_groups/0/type", "identity");
        file("sys/bus/pci/drivers/vfio-pci/new_id", "");
    }

    void cpus()
    {
        const std::string cpu = "sys/devices/system/cpu/";
        file(cpu + "online", "0-7").file(cpu + "isolated", "2-3").file(cpu + "smt/active", "0");
        file(cpu + "intel_pstate/no_turbo", "1");
        file(cpu + "cpuidle/current_driver", "intel_idle");
        for (const std::string one : {"cpu2/", "cpu3/"}) {
            file(cpu + one + "cpufreq/scaling_governor", "performance");
            file(cpu + one + "cpuidle/state1/name", "C1");
            file(cpu + one + "cpuidle/state1/latency", "2");
            file(cpu + one + "cpuidle/state1/disable", "0");
        }
        file("sys/devices/system/node/node0/cpulist", "0-3");
        file("sys/devices/system/node/node1/cpulist", "4-7");
        file("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme sse2");
        file("proc/stat", "cpu  1000 0 1000 90000 10 0 10 0 0 0");
        file("proc/loadavg", "0.05 0.70 0.90 1/84 24722");
        file("proc/123/comm", "bash");
    }

    void disk()
    {
        file("sys/devices/nvme/nvme0n1/nvme0n1p1/partition", "1");
        file("sys/devices/nvme/nvme0n1/queue/io_poll", "1");
        file("sys/devices/nvme/nvme0n1/device/model", "SOME SSD");
        file("sys/devices/nvme/nvme0n1/device/numa_node", "0");
        files.link("sys/dev/block/259:1", "../../devices/nvme/nvme0n1/nvme0n1p1");
    }
};

} // namespace pagewire::testbed::doctor
