// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/generated_file.hpp"

#include "core/error.hpp"
#include "core/source_file.hpp"
#include "core/unique_fd.hpp"
#include "core/units.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <vector>

namespace pagewire::testbed {

namespace {

using core::UniqueFd;
using core::UsageError;

/// What to do, where the folder is the trouble.
constexpr std::string_view kOtherFolder = "set PAGEWIRE_CACHE to a folder on a disk";

/// An empty variable is as good as none (XDG Base Directory Specification).
std::optional<std::string> environment(const char* name)
{
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0')
        return std::nullopt;
    return value;
}

std::string chosen_folder()
{
    if (const auto folder = environment("PAGEWIRE_CACHE"))
        return *folder;
    // "All paths [...] must be absolute. If [...] a relative path [...] consider the path invalid
    // and ignore it."
    if (const auto folder = environment("XDG_CACHE_HOME"); folder && folder->front() == '/')
        return *folder + "/pagewire";
    if (const auto home = environment("HOME"))
        return *home + "/.cache/pagewire";
    throw UsageError(
        fmt::format("no folder for generated files: HOME is not set: {}", kOtherFolder));
}

std::string file_name(std::uint64_t bytes)
{
    if (bytes % core::kMiB == 0)
        return fmt::format("random-{}MiB.bin", bytes / core::kMiB);
    return fmt::format("random-{}B.bin", bytes);
}

/// Whether the file is there already. Throws where something else is.
bool is_there(const std::string& path, std::uint64_t bytes)
{
    struct stat facts {};

    if (::lstat(path.c_str(), &facts) != 0) {
        if (errno == ENOENT)
            return false;
        throw UsageError(fmt::format("{}: {}: {}", path, core::errno_text(errno), kOtherFolder));
    }
    if (!S_ISREG(facts.st_mode))
        throw UsageError(fmt::format("{}: is not a regular file: remove it", path));
    if (static_cast<std::uint64_t>(facts.st_size) != bytes) {
        throw UsageError(fmt::format("{}: has {} bytes, and not the {} of its name: remove it",
                                     path, facts.st_size, bytes));
    }
    return true;
}

/// Writing past RLIMIT_FSIZE raises SIGXFSZ, which ends the process; blocked, the call fails with
/// EFBIG.
class FileSizeSignalBlock {
  public:
    FileSizeSignalBlock()
    {
        ::sigemptyset(&signal_);
        ::sigaddset(&signal_, SIGXFSZ);
        ::pthread_sigmask(SIG_BLOCK, &signal_, &before_);
    }

    FileSizeSignalBlock(const FileSizeSignalBlock&) = delete;
    FileSizeSignalBlock& operator=(const FileSizeSignalBlock&) = delete;

    ~FileSizeSignalBlock()
    {
        // Taken off the thread first, or it would strike on the next line. One that the caller
        // keeps blocked as well says nothing that EFBIG has not said.
        constexpr timespec no_wait{};
        ::sigtimedwait(&signal_, nullptr, &no_wait);
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

  private:
    sigset_t signal_{};
    sigset_t before_{};
};

/// A file in the making: without a name, so that it ends with its descriptor.
class UnnamedFile {
  public:
    UnnamedFile(std::string path, const std::string& folder, std::uint64_t bytes)
        : path_(std::move(path)),
          bytes_(bytes)
    {
        fd_.reset(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644));
        if (!fd_)
            throw UsageError(fmt::format("{}: cannot be written: {}: {}", folder,
                                         core::errno_text(errno), kOtherFolder));
    }

    /// Claims the space, so that a full disk is found before anything is written.
    void reserve()
    {
        // Not left to fallocate alone: it takes all that is free from the other users of the disk
        // before it fails.
        if (free_bytes() < bytes_)
            fail(ENOSPC, "fallocate");
        while (::fallocate(fd_.get(), 0, 0, static_cast<off_t>(bytes_)) != 0) {
            if (errno == EOPNOTSUPP)
                return; // write() will tell
            if (errno != EINTR)
                fail(errno, "fallocate");
        }
    }

    void append(std::span<const std::byte> piece)
    {
        while (!piece.empty()) {
            const ssize_t put = ::write(fd_.get(), piece.data(), piece.size());
            if (put >= 0)
                piece = piece.subspan(static_cast<std::size_t>(put));
            else if (errno != EINTR)
                fail(errno, "write");
        }
    }

    /// Gives the file its name once its bytes are on the disk. Where another process was first, its
    /// file stays.
    void publish()
    {
        if (::fdatasync(fd_.get()) != 0)
            fail(errno, "fdatasync");
        // AT_EMPTY_PATH would ask for CAP_DAC_READ_SEARCH: open(2), O_TMPFILE.
        const std::string self = fmt::format("/proc/self/fd/{}", fd_.get());
        if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW) != 0 &&
            errno != EEXIST)
            fail(errno, "linkat");
    }

  private:
    [[nodiscard]] std::uint64_t free_bytes() const
    {
        struct statvfs facts {};

        core::checked(::fstatvfs(fd_.get(), &facts), "fstatvfs", path_);
        return std::uint64_t{facts.f_bavail} * facts.f_frsize;
    }

    [[noreturn]] void fail(int error, std::string_view call) const
    {
        switch (error) {
        case ENOSPC:
        case EDQUOT:
            throw UsageError(fmt::format("{}: {}: {} bytes are needed and {} free: make room, or "
                                         "set PAGEWIRE_CACHE to a folder on another disk",
                                         path_, core::errno_text(error), bytes_, free_bytes()));
        case EFBIG:
            throw UsageError(
                fmt::format("{}: {}: {} bytes are more than this process (ulimit -f) or the file "
                            "system allows: choose a smaller size",
                            path_, core::errno_text(error), bytes_));
        default:
            core::throw_error(error, call, path_);
        }
    }

    std::string path_;
    std::uint64_t bytes_;
    UniqueFd fd_;
};

/// The same bytes for the same size, on every machine and in every run.
void fill(UnnamedFile& file, std::uint64_t bytes)
{
    std::mt19937_64 random(bytes);
    std::vector<std::uint64_t> piece(core::kMiB / sizeof(std::uint64_t));
    for (std::uint64_t left = bytes; left != 0;) {
        std::generate(piece.begin(), piece.end(), std::ref(random));
        const auto part = std::as_bytes(std::span(piece)).first(std::min(left, core::kMiB));
        file.append(part);
        left -= part.size();
    }
}

void refuse_memory(const std::string& folder)
{
    const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd)
        throw UsageError(fmt::format("{}: {}: {}", folder, core::errno_text(errno), kOtherFolder));
    const std::string file_system = core::file_system_name(fd.get());
    if (file_system == "tmpfs" || file_system == "ramfs") {
        throw UsageError(fmt::format("{}: is in memory ({}), where no disk is measured: {}", folder,
                                     file_system, kOtherFolder));
    }
}

} // namespace

std::string cache_folder()
{
    const std::string chosen = chosen_folder();
    std::error_code error;
    std::filesystem::create_directories(chosen, error);
    if (!error && ::access(chosen.c_str(), W_OK | X_OK) != 0)
        error.assign(errno, std::generic_category());
    if (!error && !std::filesystem::is_directory(chosen, error))
        error = std::make_error_code(std::errc::not_a_directory);
    if (error) {
        throw UsageError(fmt::format("{}: no folder for generated files: {}: {}", chosen,
                                     core::errno_text(error.value()), kOtherFolder));
    }
    return std::filesystem::absolute(chosen).lexically_normal().string();
}

std::string generated_file(std::uint64_t bytes)
{
    return generated_file(cache_folder(), bytes);
}

std::string generated_file(const std::string& folder, std::uint64_t bytes)
{
    refuse_memory(folder);
    std::string path = (std::filesystem::path(folder) / file_name(bytes)).string();
    if (is_there(path, bytes))
        return path;
    const FileSizeSignalBlock block;
    UnnamedFile file(path, folder, bytes);
    file.reserve();
    fill(file, bytes);
    file.publish();
    // Where another process was first, this looks at its file.
    if (!is_there(path, bytes))
        throw UsageError(fmt::format("{}: was removed while it was made: run again", path));
    return path;
}

} // namespace pagewire::testbed
