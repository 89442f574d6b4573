// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dpdk/eal.hpp"

#include "core/error.hpp"
#include "core/mapping.hpp"
#include "core/units.hpp"
#include "dataplane/dpdk/detached_folder.hpp"
#include "dataplane/engine.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_memory.h>
#include <rte_memzone.h>
#include <rte_version.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <optional>
#include <vector>

namespace pagewire::dataplane::dpdk {

namespace {

/// With the number of the ABI that this was built against, which counts years from November on: the
/// name without it belongs to DPDK's development files, and need not be there.
std::string driver_object(const std::string& driver)
{
    constexpr int abi = RTE_VER_YEAR + (RTE_VER_MONTH >= 11 ? 1 : 0);
    return fmt::format("librte_{}.so.{}", driver, abi);
}

/// Where DPDK logs to, from any of its threads. An error's first lines tell; no more are kept.
class ErrorLog {
  public:
    static ErrorLog& instance()
    {
        static ErrorLog log;
        return log;
    }

    void clear()
    {
        const std::lock_guard lock(mutex_);
        text_.clear();
    }

    [[nodiscard]] std::string first_message()
    {
        const std::lock_guard lock(mutex_);
        return std::string(log_message(std::string_view(text_).substr(0, text_.find('\n'))));
    }

  private:
    static constexpr std::size_t kBytesMax = 4096;

    ErrorLog()
    {
        cookie_io_functions_t functions{};
        functions.write = [](void* cookie, const char* octets, std::size_t count) {
            static_cast<ErrorLog*>(cookie)->add({octets, count});
            return static_cast<ssize_t>(count);
        };
        FILE* stream =
            ::fopencookie(this, "w", functions); // open until the process ends, as EAL is
        if (stream == nullptr)
            core::throw_errno("fopencookie", "DPDK's log");
        ::setvbuf(stream, nullptr, _IOLBF, 0);
        rte_openlog_stream(stream);
        rte_log_set_global_level(RTE_LOG_ERR);
    }

    void add(std::string_view text)
    {
        const std::lock_guard lock(mutex_);
        text_ += text.substr(0, kBytesMax - std::min(kBytesMax, text_.size()));
    }

    std::mutex mutex_;
    std::string text_;
};

std::uint64_t free_hugepage_bytes()
{
    std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
    std::uint64_t count = 0;
    file >> count;
    return count * 2 * core::kMiB;
}

/// Octets of one of EAL's arrays that know which of their entries are used (lib/eal/common,
/// eal_common_fbarray.c: calc_data_size).
constexpr std::uint64_t array_bytes(std::uint64_t num_entries, std::uint64_t entry_bytes)
{
    const std::uint64_t mask_bytes = sizeof(std::uint64_t) * (1 + (num_entries + 63) / 64);
    return core::round_up<std::uint64_t>(num_entries * entry_bytes + mask_bytes, kChunkBytes);
}

/// At least so many MiB, so many that EAL's memory without hugepages begins on the boundary of one,
/// where pages can be collapsed: in front of it, from a multiple of 16 MiB on, lie EAL's arrays of
/// memory zones and of pages, the longer the more memory there is. What is not used is never
/// populated. Another DPDK may have other arrays there: then pages stay small, and PacketMemory
/// says so.
std::uint64_t aligned_mib(std::uint64_t mib)
{
    constexpr std::uint64_t zones = array_bytes(RTE_MAX_MEMZONE, sizeof(rte_memzone));
    constexpr std::uint64_t most = 4096;
    for (std::uint64_t more = mib; more < mib + most; ++more) {
        const std::uint64_t pages =
            array_bytes(more * core::kMiB / kChunkBytes, sizeof(rte_memseg));
        if ((zones + pages) % core::kHugePageBytes == 0)
            return more;
    }
    return mib;
}

/// One lcore, on the CPUs that this thread may run on anyhow: EAL pins nothing, and starts no
/// thread for each CPU of the machine.
std::string one_lcore()
{
    cpu_set_t allowed;
    core::checked(::sched_getaffinity(0, sizeof(allowed), &allowed), "sched_getaffinity");
    std::vector<std::size_t> cpus;
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &allowed))
            cpus.push_back(cpu);
    }
    return fmt::format("0@({})", fmt::join(cpus, ","));
}

} // namespace

std::string_view log_message(std::string_view line)
{
    for (const std::string_view prefix_end : {": ", "(): "}) {
        const auto at = line.find(prefix_end);
        const bool is_word = at != std::string_view::npos &&
                             line.substr(0, at).find_first_of(" ,\"'") == std::string_view::npos;
        if (is_word)
            line.remove_prefix(at + prefix_end.size());
    }
    return line;
}

void Eal::start(const Config& config)
{
    static std::string failure;
    if (!failure.empty())
        throw core::TransferError(failure);
    try {
        static const Eal eal(config);
    } catch (const core::TransferError& error) {
        failure = error.what();
        throw;
    }
}

bool Eal::has_hugepages() noexcept
{
    return rte_eal_has_hugepages() != 0;
}

void Eal::enter_thread() noexcept
{
    struct Lcore {
        Lcore() : is_ours(rte_lcore_id() == LCORE_ID_ANY && rte_thread_register() == 0) {}

        Lcore(const Lcore&) = delete;
        Lcore& operator=(const Lcore&) = delete;

        ~Lcore()
        {
            if (is_ours)
                rte_thread_unregister();
        }

        bool is_ours;
    };

    static const thread_local Lcore lcore;
}

Eal::Eal(const Config& config)
{
    static std::optional<DetachedFolder> folder; // as long as EAL
    try {
        folder.emplace();
    } catch (const core::SystemError& error) {
        throw core::TransferError(fmt::format("DPDK's folder: {}", error.what()));
    }
    // Read once, at the start: eal_create_runtime_dir().
    ::setenv("RUNTIME_DIRECTORY", folder->path().c_str(), 1);

    const std::uint64_t mib = (config.memory_bytes + core::kMiB - 1) / core::kMiB;
    std::vector<std::string> words{"pagewire",
                                   "--no-shconf",
                                   "--no-telemetry",
                                   "--log-level=error",
                                   fmt::format("--file-prefix=pagewire-{}", ::getpid()),
                                   fmt::format("--lcores={}", one_lcore())};
    if (config.may_use_hugepages && free_hugepage_bytes() >= mib * core::kMiB) {
        // virtio-user hands the memory's descriptors to the other side, few of them.
        words.insert(words.end(), {"--in-memory", "--single-file-segments"});
    } else {
        words.insert(words.end(), {"--no-huge", "-m", fmt::format("{}", aligned_mib(mib))});
    }
    if (config.pci.empty())
        words.emplace_back("--no-pci");
    else
        words.insert(words.end(), {"-a", config.pci});

    for (const std::string& driver : config.drivers)
        words.insert(words.end(), {"-d", driver_object(driver)});

    ErrorLog::instance().clear();
    std::vector<char*> argv;
    argv.reserve(words.size());
    for (std::string& word : words)
        argv.push_back(word.data());
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0)
        throw core::TransferError(error("DPDK does not start", rte_errno));
}

void Eal::clear_log()
{
    ErrorLog::instance().clear();
}

std::string Eal::error(std::string_view what, int error)
{
    std::string logged = ErrorLog::instance().first_message();
    if (logged.starts_with(what))
        return logged;
    return fmt::format("{}: {}", what, logged.empty() ? core::errno_text(std::abs(error)) : logged);
}

} // namespace pagewire::dataplane::dpdk
