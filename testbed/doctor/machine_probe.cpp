// SPDX-License-Identifier: BSD-3-Clause
// What only system calls tell of this machine.
#include "core/error.hpp"
#include "core/unique_fd.hpp"
#include "nic/inventory.hpp"
#include "testbed/doctor/machine.hpp"
#include "testbed/generated_file.hpp"
#include "testbed/lab.hpp"
#include "testbed/perf_counters.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>

namespace pagewire::testbed::doctor {

namespace {

core::Support probe_af_xdp()
{
    const core::UniqueFd socket(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    return socket ? core::Support::available()
                  : core::Support::unavailable(
                        fmt::format("socket AF_XDP: {}", core::errno_text(errno)));
}

/// CAP_IPC_LOCK passes the limit by (io_uring's accounting, net/xdp/xdp_umem.c).
std::optional<std::uint64_t> memlock_limit()
{
    try {
        require_capabilities({"cap_ipc_lock"}, "");
        return std::nullopt;
    } catch (const core::UsageError&) {
        rlimit limit{};
        core::checked(::getrlimit(RLIMIT_MEMLOCK, &limit), "getrlimit RLIMIT_MEMLOCK");
        return limit.rlim_cur == RLIM_INFINITY ? std::nullopt : std::optional(limit.rlim_cur);
    }
}

std::vector<Nic> find_nics()
{
    std::vector<Nic> nics;
    const auto here = nic::NetNamespace::current();
    for (const std::string& name : nic::interface_names(here)) {
        try {
            nic::Inventory inventory = nic::read_inventory(here, name);
            if (!inventory.irqs) // no bus: software
                continue;
            nics.push_back({.interface = name,
                            .driver = inventory.driver ? inventory.driver->driver : "",
                            .numa_node = inventory.numa_node,
                            .irqs = std::move(*inventory.irqs),
                            .xsk_zerocopy = inventory.xdp.has_xsk_zerocopy(),
                            .napi_tx = inventory.xdp.napi_tx,
                            .unreadable = {}});
        } catch (const core::UsageError&) { // gone since it was listed
            continue;
        } catch (const core::SystemError& error) { // a run goes on without
            Nic nic;
            nic.interface = name;
            nic.unreadable = error.what();
            nics.push_back(std::move(nic));
        }
    }
    return nics;
}

Source source_at(const core::UniqueFd& fd, const std::string& path)
{
    struct stat status {};

    core::checked(::fstat(fd.get(), &status), "fstat", path);
    Source source{.path = path,
                  .file_system = core::file_system_name(fd.get()),
                  .is_file = S_ISREG(status.st_mode),
                  .size = static_cast<std::uint64_t>(status.st_size),
                  .direct_io = {},
                  .no_direct_io = {},
                  .device_major = major(status.st_dev),
                  .device_minor = minor(status.st_dev)};
    if (source.is_file)
        source.direct_io = core::direct_io_alignment(fd.get(), source.no_direct_io);
    return source;
}

/// Where generated files go; nothing where there can be no such folder.
std::optional<Source> generated_source()
{
    try {
        const std::string folder = cache_folder();
        const core::UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        return fd ? std::optional(source_at(fd, folder)) : std::nullopt;
    } catch (const core::UsageError&) {
        return std::nullopt;
    }
}

} // namespace

Machine this_machine(const std::string& file, std::uint32_t num_queues)
{
    Machine machine;
    machine.source =
        file.empty() ? generated_source() : source_at(core::open_source_file(file), file);
    machine.af_xdp = probe_af_xdp();
    BpfSupport bpf = probe_bpf();
    machine.bpf = std::move(bpf.load);
    machine.fentry = std::move(bpf.fentry);
    if (const PerfCounters counters; !counters.reason().empty())
        machine.pmu = core::Support::unavailable(counters.reason());
    machine.memlock_bytes = memlock_limit();
    LabCpus cpus = choose_cpus();
    // A queue's thread takes the next of a lab's CPUs: the rest is nobody's.
    cpus.workers.resize(std::clamp<std::size_t>(num_queues, 1, cpus.workers.size()));
    machine.worker_cpus = std::move(cpus.workers);
    machine.sink_cpu = cpus.sink;
    machine.nics = find_nics();
    return machine;
}

} // namespace pagewire::testbed::doctor
