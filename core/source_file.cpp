// SPDX-License-Identifier: BSD-3-Clause
#include "core/source_file.hpp"

#include "core/error.hpp"
#include "core/mapping.hpp"
#include "core/units.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

namespace pagewire::core {

namespace {

// Linux 6.5, newer than Debian 12's kernel headers: include/uapi/linux/mman.h and
// asm-generic/unistd.h.
constexpr long kSysCachestat = 451;

struct CachestatRange {
    std::uint64_t off;
    std::uint64_t len;
};

struct Cachestat {
    std::uint64_t nr_cache;
    std::uint64_t nr_dirty;
    std::uint64_t nr_writeback;
    std::uint64_t nr_evicted;
    std::uint64_t nr_recently_evicted;
};

static_assert(sizeof(CachestatRange) == 16 && sizeof(Cachestat) == 40,
              "the kernel's cachestat_range and cachestat");

constexpr std::uint64_t kPageBytes = 4096;
constexpr int kEvictTries = 20;
constexpr useconds_t kEvictPauseUs = 10'000;

struct statx stat_of(int fd, unsigned mask, const std::string& name)
{
    struct statx facts {};

    if (::statx(fd, "", AT_EMPTY_PATH, mask, &facts) != 0)
        throw_errno("statx", name);
    return facts;
}

std::int64_t nanoseconds(const statx_timestamp& time)
{
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

std::uint64_t mincore_pages(int fd, ByteRange range, const std::string& name)
{
    constexpr std::uint64_t window_bytes = kGiB;
    std::uint64_t num_cached = 0;
    // mincore(2) wants the address of a page.
    for (std::uint64_t at = round_down(range.offset, kPageBytes); at < range.end();
         at += window_bytes) {
        const std::uint64_t length = std::min(window_bytes, range.end() - at);
        const Mapping window = Mapping::file(fd, at, length, name);
        std::vector<unsigned char> residency(round_up(length, kPageBytes) / kPageBytes);
        if (::mincore(window.data(), length, residency.data()) != 0)
            throw_errno("mincore", name);
        num_cached += static_cast<std::uint64_t>(
            std::count_if(residency.begin(), residency.end(), [](auto r) { return (r & 1) != 0; }));
    }
    return num_cached;
}

/// Reads the range once through the page cache.
void read_through(int fd, ByteRange range, const std::string& name)
{
    std::vector<std::byte> buffer(256 * kKiB);
    for (std::uint64_t at = range.offset; at < range.end();) {
        const auto bytes = std::min<std::uint64_t>(buffer.size(), range.end() - at);
        const ssize_t got = ::pread(fd, buffer.data(), bytes, static_cast<off_t>(at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            throw_errno("read", name);
        if (got == 0)
            throw TransferError(
                fmt::format("{}: ends at byte {}, before its range does", name, at));
        at += static_cast<std::uint64_t>(got);
    }
}

} // namespace

UniqueFd open_source_file(const std::string& path)
{
    if (path.empty())
        throw UsageError("the file's name is empty: name a regular file");
    // O_NONBLOCK: a FIFO without a writer must not hang the open; it means nothing to a regular
    // file.
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd)
        throw UsageError(fmt::format("{}: cannot be read: {}", path, errno_text(errno)));
    const auto facts = stat_of(fd.get(), STATX_BASIC_STATS, path);
    if (S_ISDIR(facts.stx_mode))
        throw UsageError(fmt::format("{}: is a directory: name a regular file", path));
    if (!S_ISREG(facts.stx_mode))
        throw UsageError(fmt::format(
            "{}: is not a regular file (FIFO, socket or device): name a regular file", path));
    if (facts.stx_size == 0)
        throw UsageError(fmt::format("{}: is empty: there is nothing to send", path));
    return fd;
}

FileIdentity FileIdentity::of(int fd, const std::string& name)
{
    const auto facts = stat_of(fd, STATX_BASIC_STATS, name);
    return {.device = (static_cast<std::uint64_t>(facts.stx_dev_major) << 32) | facts.stx_dev_minor,
            .inode = facts.stx_ino,
            .size = facts.stx_size,
            .mtime_ns = nanoseconds(facts.stx_mtime),
            .ctime_ns = nanoseconds(facts.stx_ctime)};
}

std::string FileIdentity::difference(const FileIdentity& later) const
{
    if (device != later.device || inode != later.inode)
        return "it was replaced by another file";
    if (size != later.size)
        return fmt::format("its size went from {} to {} bytes", size, later.size);
    if (mtime_ns != later.mtime_ns)
        return "it was written to";
    if (ctime_ns != later.ctime_ns)
        return "its inode was changed";
    return {};
}

std::optional<DirectIoAlignment> direct_io_alignment(int fd, std::string& why)
{
    const auto facts = stat_of(fd, STATX_BASIC_STATS | STATX_DIOALIGN, "the source file");
    if ((facts.stx_mask & STATX_DIOALIGN) == 0) {
        why = fmt::format("{} does not report its direct I/O alignment (STATX_DIOALIGN)",
                          file_system_name(fd));
        return std::nullopt;
    }
    if (facts.stx_dio_offset_align == 0 || facts.stx_dio_mem_align == 0) {
        why = fmt::format("direct I/O is not possible on this file ({})", file_system_name(fd));
        return std::nullopt;
    }
    return DirectIoAlignment{.memory = facts.stx_dio_mem_align,
                             .offset = facts.stx_dio_offset_align};
}

std::string file_system_name(int fd)
{
    struct statfs facts {};

    if (::fstatfs(fd, &facts) != 0)
        throw_errno("fstatfs", "the source file");
    constexpr long xfs_magic = 0x58465342;
    constexpr long f2fs_magic = 0xF2F52010;
    constexpr long zfs_magic = 0x2FC12FC1;
    constexpr long v9fs_magic = 0x01021997;
    switch (facts.f_type) {
    case EXT4_SUPER_MAGIC:
        return "ext4";
    case xfs_magic:
        return "xfs";
    case BTRFS_SUPER_MAGIC:
        return "btrfs";
    case f2fs_magic:
        return "f2fs";
    case zfs_magic:
        return "zfs";
    case TMPFS_MAGIC:
        return "tmpfs";
    case RAMFS_MAGIC:
        return "ramfs";
    case OVERLAYFS_SUPER_MAGIC:
        return "overlayfs";
    case NFS_SUPER_MAGIC:
        return "nfs";
    case v9fs_magic:
        return "9p";
    default:
        return fmt::format("file system {:#x}", static_cast<unsigned long>(facts.f_type));
    }
}

CacheResidency cache_residency(int fd, ByteRange range, const std::string& name)
{
    const std::uint64_t first = round_down(range.offset, kPageBytes);
    CacheResidency result{.num_pages = (round_up(range.end(), kPageBytes) - first) / kPageBytes,
                          .num_cached = 0};
    CachestatRange kernel_range{.off = range.offset, .len = range.length};
    Cachestat stat{};
    if (::syscall(kSysCachestat, fd, &kernel_range, &stat, 0U) == 0) {
        result.num_cached = stat.nr_cache;
        return result;
    }
    // ENOSYS: an older kernel; EPERM: a seccomp filter that does not know the call; EOPNOTSUPP:
    // hugetlbfs.
    if (errno != ENOSYS && errno != EPERM && errno != EOPNOTSUPP)
        throw_errno("cachestat", name);
    result.num_cached = mincore_pages(fd, range, name);
    return result;
}

void make_cold(int fd, ByteRange range, const std::string& name)
{
    // Dirty pages cannot be dropped.
    if (::fdatasync(fd) != 0)
        throw_errno("fdatasync", name);
    CacheResidency residency;
    for (int attempt = 0; attempt < kEvictTries; ++attempt) {
        // The whole file: a folio of many pages that the range holds a part of would be spared.
        if (const int error = ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); error != 0)
            throw_error(error, "posix_fadvise", name);
        residency = cache_residency(fd, range, name);
        if (residency.num_cached == 0)
            return;
        ::usleep(kEvictPauseUs); // pages under another CPU's pagevec or a reader's reference
    }
    throw TransferError(
        fmt::format("{}: cache state cold: {} of {} pages cannot be dropped (another process "
                    "uses them, or the file system keeps its files in memory: {})",
                    name, residency.num_cached, residency.num_pages, file_system_name(fd)));
}

void make_hot(int fd, ByteRange range, const std::string& name)
{
    // Pages of one pass may be reclaimed before it ends; what then stays away is short of memory.
    constexpr int num_passes = 3;
    CacheResidency residency;
    for (int pass = 0; pass < num_passes; ++pass) {
        read_through(fd, range, name);
        residency = cache_residency(fd, range, name);
        if (residency.num_cached == residency.num_pages)
            return;
    }
    throw TransferError(
        fmt::format("{}: cache state hot: only {} of {} pages stay in the page cache: memory "
                    "is short for a file of this size",
                    name, residency.num_cached, residency.num_pages));
}

} // namespace pagewire::core
