// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "core/support.hpp"
#include "core/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace pagewire::core {

/// Opens an existing, non-empty regular file for reading. Throws UsageError in one line: no such
/// file, a directory, a FIFO or device, empty, no permission.
[[nodiscard]] UniqueFd open_source_file(const std::string& path);

/// What tells whether a file is still the same as before: statx(2).
struct FileIdentity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t ctime_ns = 0;

    [[nodiscard]] static FileIdentity of(int fd, const std::string& name);

    /// Empty when equal; else what differs: "size 4096 -> 100", "modified during the run".
    [[nodiscard]] std::string difference(const FileIdentity& later) const;
};

/// What O_DIRECT asks of this file: statx(2), STATX_DIOALIGN. Bytes, powers of two.
struct DirectIoAlignment {
    std::uint32_t memory = 0;
    std::uint32_t offset = 0;
};

/// Nothing where the file does not do direct I/O, with the reason in `why`: never assume that a
/// successful open(O_DIRECT) reads past the page cache.
[[nodiscard]] std::optional<DirectIoAlignment> direct_io_alignment(int fd, std::string& why);

/// Name of the file system under an open file ("ext4"), or its magic number.
[[nodiscard]] std::string file_system_name(int fd);

/// Page-cache pages of a byte range: cachestat(2) where the kernel has it (6.5), else mincore(2).
struct CacheResidency {
    std::uint64_t num_pages = 0;
    std::uint64_t num_cached = 0;
};

[[nodiscard]] CacheResidency cache_residency(int fd, ByteRange range, const std::string& name);

/// Cold: writes back and drops the range's pages and checks that they are gone. Hot: reads the
/// range and checks that it is all there. Both throw TransferError when the check fails (another
/// process uses the pages, memory is short), for then the label would be untrue.
void make_cold(int fd, ByteRange range, const std::string& name);
void make_hot(int fd, ByteRange range, const std::string& name);

} // namespace pagewire::core
