// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/lab.hpp"

#include "core/error.hpp"
#include "core/system_root.hpp"
#include "core/units.hpp"
#include "testbed/child_process.hpp"
#include "testbed/generated_file.hpp"
#include "testbed/lab.hpp"
#include "testbed/vm/accelerator.hpp"
#include "testbed/vm/cache.hpp"
#include "testbed/vm/disk.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

namespace pagewire::testbed::vm {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kDiskBytes = core::kGiB;

/// A boot by KVM takes a second or two.
constexpr std::chrono::seconds kKvmTime{20};

/// The caller's own, but for what the guest has of its own.
std::map<std::string, std::string> guest_environment()
{
    std::map<std::string, std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view pair = *entry;
        const auto equals = pair.find('=');
        const std::string_view name = pair.substr(0, equals);
        const bool is_name = !name.empty() && name.find_first_not_of(
                                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
                                                  "wxyz0123456789_") == std::string_view::npos;
        if (is_name && equals != std::string_view::npos)
            all.emplace(name, pair.substr(equals + 1));
    }
    // The program that was started is the one that the guest finds: it may be freshly built. What
    // this machine lacks (modprobe) is the guest's own.
    const fs::path self = fs::canonical(ChildProcess::executable());
    all["PATH"] = fmt::format("{}:{}:/pagewire/bin", self.parent_path().string(),
                              all.contains("PATH") ? all["PATH"] : "/usr/sbin:/usr/bin:/sbin:/bin");
    all["PAGEWIRE_VM"] = "yes";
    all["PAGEWIRE_CACHE"] = kGuestDisk;
    all["PAGEWIRE_VM_RESULTS"] = kGuestResults;
    all.erase("PAGEWIRE_STATE_DIR");
    return all;
}

GuestJob make_job(const VmConfig& config)
{
    GuestJob job{.command = config.command,
                 .folder = fs::current_path().string(),
                 .environment = guest_environment()};
    winsize size{};
    if (config.terminal_in >= 0 && ::ioctl(config.terminal_in, TIOCGWINSZ, &size) == 0) {
        job.terminal_rows = size.ws_row;
        job.terminal_columns = size.ws_col;
    }
    return job;
}

/// What the NVMe disk is to hold, as a folder of the cache's.
fs::path disk_content(Cache& cache, std::uint64_t file_bytes)
{
    fs::path folder = cache.folder() / fmt::format("disk-{}", file_bytes);
    fs::create_directories(folder);
    if (file_bytes != 0)
        (void)generated_file(folder.string(), file_bytes);
    return folder;
}

bool boots_with_kvm(const Kernel& kernel, const Tools& tools, int disk)
{
    const GuestEnd end = run_guest({.kernel = &kernel,
                                    .tools = &tools,
                                    .job = {.command = {"true"}, .folder = "/", .environment = {}},
                                    .accelerator = Accelerator::kKvm,
                                    .disk = disk,
                                    .time_limit = kKvmTime,
                                    .output = [](GuestStream, std::string_view) {}});
    return end.how == GuestEnd::How::kExited && end.exit_code == 0;
}

} // namespace

// guest_init.sh names the ports, qemu.cpp joins them.
std::string partner_of(std::string port)
{
    port.back() = '1';
    return port;
}

bool is_inside()
{
    return std::getenv("PAGEWIRE_VM") != nullptr;
}

GuestEnd run_in_vm(const VmConfig& config)
{
    if (is_inside())
        throw core::UsageError("vm: this is the virtual lab already");
    require_capabilities({"cap_sys_admin", "cap_net_admin"},
                         "the virtual lab makes a network namespace and taps");
    if (!config.results.empty()) {
        std::error_code error;
        fs::create_directories(config.results, error);
        if (error || ::access(config.results.c_str(), W_OK | X_OK) != 0) {
            throw core::UsageError(fmt::format("{}: no folder for results: {}", config.results,
                                               core::errno_text(error ? error.value() : errno)));
        }
    }
    std::optional<Cache> cache(std::in_place, Cache::default_folder());
    const Tools tools = find_tools(*cache, config.note);
    const Kernel kernel = find_kernel(*cache, tools, config.kernel, config.update, config.note);
    const core::UniqueFd disk =
        make_disk(cache->folder(), disk_content(*cache, config.file_bytes), kDiskBytes, tools);
    const Accelerator accelerator =
        choose_accelerator(*cache, core::read_text("/proc/cpuinfo").value_or(""),
                           [&] { return boots_with_kvm(kernel, tools, disk.get()); });
    cache.reset(); // others may change it from here on: what is open stays
    return run_guest(
        {.kernel = &kernel,
         .tools = &tools,
         .job = make_job(config),
         .accelerator = accelerator,
         .append = config.append,
         .num_cpus = 2,
         .memory_mib = config.memory_mib,
         .disk = disk.get(),
         .results = config.results.empty() ? std::string{} : fs::absolute(config.results).string(),
         .gdb = config.gdb,
         .time_limit = config.time_limit,
         .output = config.output,
         .interrupted = config.interrupted,
         .terminal_in = config.terminal_in,
         .terminal_out = config.terminal_out});
}

} // namespace pagewire::testbed::vm
