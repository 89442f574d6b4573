// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/qemu.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pagewire::testbed::vm {

namespace {

class Arguments {
  public:
    explicit Arguments(std::string program) : words_{std::move(program)} {}

    void add(const char* option, std::string value)
    {
        words_.emplace_back(option);
        words_.push_back(std::move(value));
    }

    void add(const char* option) { words_.emplace_back(option); }

    /// A character device on a socket that QEMU inherits.
    void socket(const char* id, int fd)
    {
        add("-chardev", fmt::format("socket,id={},fd={}", id, fd));
    }

    void serial_port(const char* id, int fd)
    {
        socket(id, fd);
        // guest_init.sh finds it by this name.
        add("-device", fmt::format("virtserialport,chardev={0},name=pagewire.{0}", id));
    }

    /// A folder of the host's. Each file keeps its owner and mode, and inode numbers of several
    /// file systems below it are made different ones.
    void share(const char* tag, const std::string& path, bool read_only)
    {
        // A comma is a separator unless doubled.
        std::string escaped;
        for (const char c : path)
            escaped += c == ',' ? std::string(",,") : std::string(1, c);
        add("-fsdev", fmt::format("local,id={},path={},security_model=none,multidevs=remap{}", tag,
                                  escaped, read_only ? ",readonly=on" : ""));
        add("-device", fmt::format("virtio-9p-pci,fsdev={0},mount_tag={0}", tag));
    }

    [[nodiscard]] std::vector<std::string> take() && { return std::move(words_); }

  private:
    std::vector<std::string> words_;
};

/// The third is for vfio-pci, while the lab's link is over the first two.
constexpr unsigned kNumIgbPorts = 3;

void add_igb_ports(Arguments& args)
{
    constexpr unsigned hub = 1;
    for (unsigned port = 0; port < kNumIgbPorts; ++port) {
        args.add("-netdev", fmt::format("hubport,id=igb{},hubid={}", port, hub));
        // A port of its own each: they are in different IOMMU groups then, and vfio takes one
        // alone.
        args.add("-device",
                 fmt::format("pcie-root-port,id=slot{0},chassis={1},slot={1}", port, port + 1));
        args.add("-device", fmt::format("igb,bus=slot{0},netdev=igb{0},mac=52:54:00:70:77:{1:02x},"
                                        "romfile=",
                                        port, port + 0x01));
    }
}

void add_virtio_ports(Arguments& args, const std::array<int, 2>& taps)
{
    for (unsigned port = 0; port < taps.size(); ++port) {
        args.add("-netdev", fmt::format("tap,id=virtio{},fd={}", port, taps[port]));
        args.add("-device", fmt::format("virtio-net-pci,netdev=virtio{0},"
                                        "mac=52:54:00:70:77:{1:02x},disable-legacy=on,"
                                        "iommu_platform=on,rx_queue_size=1024,romfile=",
                                        port, port + 0x11));
    }
}

} // namespace

std::vector<std::string> qemu_arguments(const MachineConfig& machine, const Tools& tools)
{
    Arguments args(tools.qemu);
    for (const std::string& folder : tools.qemu_data)
        args.add("-L", folder);
    args.add("-nodefaults");
    args.add("-no-user-config");
    args.add("-no-reboot");
    args.add("-display", "none");
    // split: intel-iommu's interrupt remapping needs the interrupt controller in QEMU
    args.add("-machine", "q35,kernel-irqchip=split");
    const bool is_kvm = machine.accelerator == Accelerator::kKvm;
    args.add("-accel", is_kvm ? "kvm" : "tcg");
    args.add("-cpu", is_kvm ? "host" : "max");
    args.add("-smp", fmt::format("{}", machine.num_cpus));
    args.add("-m", fmt::format("{}M", machine.memory_mib));
    args.add("-device", "intel-iommu,intremap=on,caching-mode=on,device-iotlb=on");
    args.add("-kernel", machine.kernel);
    args.add("-initrd", fmt::format("/proc/self/fd/{}", machine.initramfs));
    args.add("-append", fmt::format("{}", fmt::join(machine.append, " ")));
    args.socket("console", machine.console);
    args.add("-device", "isa-serial,chardev=console");
    args.add("-device", "virtio-serial-pci");
    if (machine.terminal >= 0) {
        args.socket("terminal", machine.terminal);
        args.add("-device", "virtconsole,chardev=terminal");
    }
    args.serial_port("control", machine.control);
    args.serial_port("out", machine.out);
    args.serial_port("err", machine.err);
    args.share("host", "/", true);
    if (!machine.results.empty())
        args.share("results", machine.results, false);
    add_igb_ports(args);
    add_virtio_ports(args, machine.taps);
    args.add("-blockdev", fmt::format("driver=file,node-name=disk,filename=/proc/self/fd/{},"
                                      "locking=off,cache.no-flush=on",
                                      machine.disk));
    args.add("-device", "nvme,drive=disk,serial=pagewire");
    if (!machine.gdb.empty())
        args.add("-gdb", fmt::format("unix:{},server=on,wait=off", machine.gdb));
    return std::move(args).take();
}

} // namespace pagewire::testbed::vm
