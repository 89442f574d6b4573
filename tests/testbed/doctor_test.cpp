// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/doctor/doctor.hpp"
#include "tests/testbed/fit_machine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace pagewire::testbed::doctor {
namespace {

using testing::HasSubstr;

core::Support refused(const char* reason)
{
    return core::Support::unavailable(reason);
}

TEST(Doctor, FindsNothingWrongWithAFitMachine)
{
    FitMachine fit;
    std::set<std::string> ids;
    for (const Finding& finding : examine(fit.machine)) {
        EXPECT_EQ(finding.severity, Severity::kOk) << finding.id << ": " << finding.seen;
        EXPECT_EQ(finding.why + finding.fix, "") << finding.id;
        EXPECT_NE(finding.seen, "") << finding.id;
        ids.insert(finding.id);
    }
    // Each of them was examined, and none passed for want of a file.
    EXPECT_EQ(ids, (std::set<std::string>{
                       "cpu.count",
                       "cpu.governor",
                       "cpu.idle",
                       "cpu.isolation",
                       "cpu.pmu",
                       "cpu.smt",
                       "cpu.turbo",
                       "kernel.af_xdp",
                       "kernel.bpf",
                       "kernel.btf",
                       "kernel.clocksource",
                       "kernel.fentry",
                       "kernel.mitigations",
                       "kernel.version",
                       "memory.hugepages",
                       "memory.iommu",
                       "memory.memlock",
                       "memory.page_cache",
                       "memory.pressure",
                       "memory.vfio",
                       "nic.irqs",
                       "nic.known_bad",
                       "nic.numa",
                       "platform.irqbalance",
                       "platform.load",
                       "platform.steal",
                       "platform.virtual",
                       "storage.direct_io",
                       "storage.numa",
                       "storage.polling",
                       "storage.virtual_disk",
                   }));
}

TEST(Doctor, InventsNothingOfAMachineThatTellsNothing)
{
    tests::FakeSystem nothing;
    Machine machine;
    machine.root = nothing.root();
    for (const Finding& finding : examine(machine)) {
        EXPECT_NE(finding.severity, Severity::kError) << finding.id << ": " << finding.seen;
        for (const char* id :
             {"cpu.count", "cpu.turbo", "cpu.idle", "cpu.smt", "kernel.mitigations",
              "kernel.clocksource", "memory.hugepages", "memory.page_cache", "platform.load",
              "platform.virtual", "platform.steal"})
            EXPECT_NE(finding.id, id) << finding.seen;
    }
}

TEST(Doctor, KernelFilesThatHoldNonsenseDoNoHarm)
{
    FitMachine fit;
    for (const char* name :
         {"proc/meminfo", "proc/stat", "proc/loadavg", "proc/cpuinfo", "proc/pressure/memory",
          "proc/sys/kernel/osrelease", "sys/devices/system/cpu/online",
          "sys/devices/system/cpu/isolated", "sys/devices/system/cpu/smt/active",
          "sys/devices/system/node/node0/cpulist", "sys/devices/nvme/nvme0n1/device/numa_node",
          "sys/devices/nvme/nvme0n1/queue/io_poll"})
        for (const char* text : {"", "-", "4294967296-4294967299,,", "\xff\xfe:\n:\n"}) {
            fit.file(name, text);
            EXPECT_NO_THROW((void)examine(fit.machine)) << name << ": " << text;
        }
}

/// One thing wrong with a fit machine, and the one finding that says so.
struct Fault {
    const char* name;
    std::function<void(FitMachine&)> spoil;
    const char* id;
    Severity severity;
    const char* seen; ///< in what was seen
    const char* fix;  ///< in what to do; empty: nothing can be done
};

class DoctorFinds : public testing::TestWithParam<Fault> {};

TEST_P(DoctorFinds, ThatAndNothingElse)
{
    const Fault& fault = GetParam();
    FitMachine fit;
    fault.spoil(fit);
    int num_found = 0;
    for (const Finding& finding : examine(fit.machine)) {
        if (finding.severity == Severity::kOk)
            continue;
        EXPECT_EQ(finding.id, fault.id) << finding.seen;
        EXPECT_EQ(severity_name(finding.severity), severity_name(fault.severity)) << finding.seen;
        EXPECT_THAT(finding.seen, HasSubstr(fault.seen));
        EXPECT_THAT(finding.fix, HasSubstr(fault.fix));
        EXPECT_EQ(finding.fix.empty(), std::string(fault.fix).empty()) << finding.fix;
        EXPECT_NE(finding.why, "");
        ++num_found;
    }
    EXPECT_EQ(num_found, 1);
}

std::function<void(FitMachine&)> with(const char* file, const char* text)
{
    return [=](FitMachine& fit) { fit.file(file, text); };
}

std::function<void(FitMachine&)> without(const char* file)
{
    return [=](FitMachine& fit) { fit.files.remove(file); };
}

const std::string kCpu = "sys/devices/system/cpu/";

INSTANTIATE_TEST_SUITE_P(
    Kernel, DoctorFinds,
    testing::Values(
        Fault{"old", with("proc/sys/kernel/osrelease", "6.5.13"), "kernel.version",
              Severity::kWarning, "6.5.13", "Linux 6.6"},
        Fault{"of_no_version", with("proc/sys/kernel/osrelease", "banana"), "kernel.version",
              Severity::kNote, "banana", ""},
        Fault{"without_af_xdp", [](FitMachine& fit) { fit.machine.af_xdp = refused("no family"); },
              "kernel.af_xdp", Severity::kError, "no family", "CONFIG_XDP_SOCKETS"},
        Fault{"without_btf", without("sys/kernel/btf"), "kernel.btf", Severity::kWarning, "btf",
              "CONFIG_DEBUG_INFO_BTF"},
        Fault{"bpf_refused", [](FitMachine& fit) { fit.machine.bpf = refused("not permitted"); },
              "kernel.bpf", Severity::kWarning, "not permitted", "CAP_BPF"},
        Fault{"fentry_refused",
              [](FitMachine& fit) { fit.machine.fentry = refused("attach refused"); },
              "kernel.fentry", Severity::kNote, "attach refused", "lockdown"},
        Fault{"slow_clock",
              with("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet"),
              "kernel.clocksource", Severity::kWarning, "hpet", "clocksource=tsc"},
        Fault{"hypervisors_clock",
              with("sys/devices/system/clocksource/clocksource0/current_clocksource", "kvm-clock"),
              "kernel.clocksource", Severity::kNote, "kvm-clock", ""},
        Fault{"mitigated",
              with("sys/devices/system/cpu/vulnerabilities/meltdown", "Mitigation: PTI"),
              "kernel.mitigations", Severity::kNote, "meltdown", "mitigations=off"},
        Fault{"mitigations_off", with("proc/cmdline", "quiet mitigations=off"),
              "kernel.mitigations", Severity::kNote, "mitigations=off", ""}),
    [](const auto& param) { return std::string(param.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Memory, DoctorFinds,
    testing::Values(
        Fault{"little_to_lock", [](FitMachine& fit) { fit.machine.memlock_bytes = 64U << 10U; },
              "memory.memlock", Severity::kError, "64 KiB", "ulimit -l"},
        Fault{"enough_to_lock_once", [](FitMachine& fit) { fit.machine.memlock_bytes = 8U << 20U; },
              "memory.memlock", Severity::kWarning, "8 MiB", "ulimit -l"},
        Fault{"hugepages_taken",
              with("proc/meminfo", "MemAvailable: 8388608 kB\nHugePages_Total: 64\n"
                                   "HugePages_Free: 0\nHugepagesize: 2048 kB"),
              "memory.hugepages", Severity::kNote, "0 free", "vm.nr_hugepages"},
        Fault{"file_larger_than_memory",
              [](FitMachine& fit) { fit.machine.source->size = std::uint64_t{5} << 30U; },
              "memory.page_cache", Severity::kWarning, "5 GiB", "--cache cold"},
        Fault{"pressure", with("proc/pressure/memory", "some avg10=12.50 avg60=1.00"),
              "memory.pressure", Severity::kWarning, "12.5 %", "rss"},
        Fault{"no_iommu",
              [](FitMachine& fit) {
                  fit.files.remove("sys/class/iommu");
                  fit.files.remove("sys/kernel/iommu_groups");
              },
              "memory.iommu", Severity::kNote, "none", "intel_iommu=on"},
        Fault{"iommu_translates", with("sys/kernel/iommu_groups/0/type", "DMA-FQ"), "memory.iommu",
              Severity::kNote, "DMA-FQ", "iommu=pt"},
        Fault{"no_vfio", without("sys/bus/pci/drivers/vfio-pci"), "memory.vfio", Severity::kNote,
              "no vfio-pci", "modprobe"}),
    [](const auto& param) { return std::string(param.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Cpu, DoctorFinds,
    testing::Values(
        Fault{"few", with("sys/devices/system/cpu/online", "2-3"), "cpu.count", Severity::kWarning,
              "2 online", "4 CPUs"},
        Fault{"governor", with("sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "schedutil"),
              "cpu.governor", Severity::kWarning, "schedutil on CPUs 3", "performance"},
        Fault{"no_cpufreq",
              [](FitMachine& fit) {
                  fit.files.remove(kCpu + "cpu2/cpufreq");
                  fit.files.remove(kCpu + "cpu3/cpufreq");
              },
              "cpu.governor", Severity::kNote, "no cpufreq", ""},
        Fault{"turbo", with("sys/devices/system/cpu/intel_pstate/no_turbo", "0"), "cpu.turbo",
              Severity::kNote, "on", "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo"},
        Fault{"boost",
              [](FitMachine& fit) {
                  fit.files.remove(kCpu + "intel_pstate");
                  fit.file(kCpu + "cpufreq/boost", "1");
              },
              "cpu.turbo", Severity::kNote, "on", "echo 0 > /sys/devices/system/cpu/cpufreq/boost"},
        Fault{"deep_sleep",
              [](FitMachine& fit) {
                  fit.file(kCpu + "cpu2/cpuidle/state3/name", "C6");
                  fit.file(kCpu + "cpu2/cpuidle/state3/latency", "133");
              },
              "cpu.idle", Severity::kNote, "C6 (133 us)", "idle-set"},
        Fault{"siblings_elsewhere", with("sys/devices/system/cpu/smt/active", "1"), "cpu.smt",
              Severity::kNote, "on", "smt/control"},
        Fault{"siblings_used",
              [](FitMachine& fit) {
                  fit.file(kCpu + "smt/active", "1");
                  fit.file(kCpu + "cpu2/topology/thread_siblings_list", "2-3");
              },
              "cpu.smt", Severity::kWarning, "CPUs 2,3", "smt/control"},
        Fault{"not_isolated", with("sys/devices/system/cpu/isolated", ""), "cpu.isolation",
              Severity::kNote, "no isolated", "isolcpus"},
        Fault{"half_isolated", with("sys/devices/system/cpu/isolated", "2"), "cpu.isolation",
              Severity::kNote, "isolated: 2", "isolcpus"},
        Fault{"no_pmu", [](FitMachine& fit) { fit.machine.pmu = refused("no PMU"); }, "cpu.pmu",
              Severity::kNote, "no PMU", "pmu=on"}),
    [](const auto& param) { return std::string(param.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Platform, DoctorFinds,
    testing::Values(Fault{"virtual", with("proc/cpuinfo", "flags\t\t: fpu hypervisor lahf_lm"),
                          "platform.virtual", Severity::kWarning, "virtual machine", "--rounds"},
                    Fault{"xen", with("sys/hypervisor/type", "xen"), "platform.virtual",
                          Severity::kWarning, "xen", "--rounds"},
                    Fault{"steal", with("proc/stat", "cpu  1000 0 1000 90000 10 0 10 2000"),
                          "platform.steal", Severity::kWarning, "2.13 %", "pinned"},
                    Fault{"load", with("proc/loadavg", "3.20 0.10 0.10 1/84 24722"),
                          "platform.load", Severity::kWarning, "3.20", "top"},
                    Fault{"irqbalance", with("proc/4711/comm", "irqbalance"), "platform.irqbalance",
                          Severity::kWarning, "irqbalance runs", "systemctl stop"}),
    [](const auto& param) { return std::string(param.param.name); });

INSTANTIATE_TEST_SUITE_P(
    NicAndStorage, DoctorFinds,
    testing::Values(
        Fault{"no_nic", [](FitMachine& fit) { fit.machine.nics.clear(); }, "nic.none",
              Severity::kNote, "no interface", ""},
        Fault{"nic_unreadable",
              [](FitMachine& fit) {
                  fit.machine.nics.push_back({.interface = "eth1",
                                              .driver = {},
                                              .numa_node = {},
                                              .irqs = {},
                                              .xsk_zerocopy = false,
                                              .napi_tx = {},
                                              .unreadable = "read rings of eth1: no answer"});
              },
              "nic.unreadable", Severity::kNote, "no answer", ""},
        Fault{"nic_far", [](FitMachine& fit) { fit.machine.nics[0].numa_node = 1; }, "nic.numa",
              Severity::kWarning, "eth0: node 1", "taskset -c 4,5,6,7"},
        Fault{"interrupts_on_worker",
              [](FitMachine& fit) { fit.machine.nics[0].irqs[0].effective = {{2}}; }, "nic.irqs",
              Severity::kNote, "38 on 2", "smp_affinity_list, N of 38"},
        Fault{"interrupts_may_be_on_worker",
              [](FitMachine& fit) {
                  fit.machine.nics[0].irqs[0].effective.reset();
                  fit.machine.nics[0].irqs[0].cpus = {{0, 1, 2, 3}};
              },
              "nic.irqs", Severity::kNote, "38 on 0,1,2,3", "N of 38;"},
        Fault{"virtio_completes_early",
              [](FitMachine& fit) {
                  fit.machine.nics[0].driver = "virtio_net";
                  fit.machine.nics[0].napi_tx = false;
              },
              "nic.known_bad", Severity::kError, "virtio_net", "tx-frames 1"},
        Fault{"no_direct_io",
              [](FitMachine& fit) {
                  fit.machine.source->direct_io.reset();
                  fit.machine.source->no_direct_io = "tmpfs does not";
              },
              "storage.direct_io", Severity::kError, "tmpfs does not", "ext4"},
        Fault{"no_file", [](FitMachine& fit) { fit.machine.source->is_file = false; },
              "storage.direct_io", Severity::kNote, "no file given", "--file"},
        Fault{"disk_far", with("sys/devices/nvme/nvme0n1/device/numa_node", "1"), "storage.numa",
              Severity::kWarning, "nvme0n1: node 1", "taskset -c 4,5,6,7"},
        Fault{"not_polled", with("sys/devices/nvme/nvme0n1/queue/io_poll", "0"), "storage.polling",
              Severity::kNote, "io_poll 0", "poll_queues"},
        Fault{"virtual_disk", with("sys/devices/nvme/nvme0n1/device/model", "QEMU NVMe Ctrl"),
              "storage.virtual_disk", Severity::kWarning, "virtual", "passed through"},
        Fault{"no_disk", without("sys/dev/block/259:1"), "storage.disk", Severity::kNote,
              "no single block device", "one disk"}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(DoctorReport, TheWorstFirstAndNullWhereThereIsNothing)
{
    const Findings findings = {
        {.id = "a.fine", .severity = Severity::kOk, .seen = "1", .why = {}, .fix = {}},
        {.id = "b.note", .severity = Severity::kNote, .seen = "2", .why = "because", .fix = {}},
        {.id = "c.bad", .severity = Severity::kError, .seen = "3", .why = "harm", .fix = "do"},
    };
    const std::string table = findings_table(findings);
    EXPECT_LT(table.find("c.bad"), table.find("b.note"));
    EXPECT_LT(table.find("b.note"), table.find("a.fine"));
    EXPECT_THAT(table, HasSubstr("1 errors, 0 warnings, 1 notes, 1 ok"));
    const auto document = findings_json(findings);
    EXPECT_EQ(document[0], (nlohmann::json{{"id", "a.fine"},
                                           {"severity", "ok"},
                                           {"seen", "1"},
                                           {"why", nullptr},
                                           {"fix", nullptr}}));
    EXPECT_EQ(document[2].at("fix"), "do");
}

} // namespace
} // namespace pagewire::testbed::doctor
