// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/cache.hpp"

#include "core/error.hpp"
#include "core/units.hpp"
#include "testbed/generated_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/statvfs.h>

namespace pagewire::testbed::vm {

namespace fs = std::filesystem;

namespace {

void require_space(const fs::path& folder, std::uint64_t bytes)
{
    struct statvfs facts {};

    core::checked(::statvfs(folder.c_str(), &facts), "statvfs", folder.string());
    const std::uint64_t free = std::uint64_t{facts.f_bavail} * facts.f_frsize;
    if (free < bytes) {
        throw core::UsageError(
            fmt::format("{}: {} MiB are needed for the virtual lab and {} MiB are free: make room, "
                        "or set PAGEWIRE_CACHE to a folder on another disk",
                        folder.string(), bytes / core::kMiB, free / core::kMiB));
    }
}

} // namespace

fs::path Cache::default_folder()
{
    return fs::path(cache_folder()) / "vm";
}

Cache::Cache(fs::path folder) : folder_(std::move(folder))
{
    std::error_code error;
    fs::create_directories(folder_, error);
    const fs::path file = folder_ / "lock";
    lock_.reset(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (error || !lock_) {
        throw core::UsageError(fmt::format("{}: no folder for the virtual lab: {}: set "
                                           "PAGEWIRE_CACHE to a folder that can be written",
                                           folder_.string(),
                                           core::errno_text(error ? error.value() : errno)));
    }
    // Another process may fetch for minutes: an interruption (EINTR) ends the wait.
    core::checked(::flock(lock_.get(), LOCK_EX), "flock", file.string());
}

fs::path Cache::make(const std::string& name, std::uint64_t bytes_needed,
                     const std::function<void(const fs::path&)>& fill)
{
    fs::path target = folder_ / name;
    fs::path partial = target;
    partial += ".partial";
    fs::remove_all(partial);
    require_space(folder_, bytes_needed);
    fs::create_directories(partial);
    try {
        fill(partial);
    } catch (...) {
        std::error_code ignored;
        fs::remove_all(partial, ignored);
        throw;
    }
    fs::remove_all(target);
    fs::rename(partial, target);
    return target;
}

} // namespace pagewire::testbed::vm
