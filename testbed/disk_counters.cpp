// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/disk_counters.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>

namespace pagewire::testbed {

std::optional<std::uint64_t> disk_read_bytes(int fd)
{
    struct stat status {};

    core::checked(::fstat(fd, &status), "fstat", "the source file");
    std::ifstream file(
        fmt::format("/sys/dev/block/{}:{}/stat", major(status.st_dev), minor(status.st_dev)));
    constexpr std::uint64_t sector_bytes = 512; // of this file, whatever the device's own are
    std::uint64_t num_reads = 0;
    std::uint64_t num_merged = 0;
    std::uint64_t num_sectors = 0;
    if (!(file >> num_reads >> num_merged >> num_sectors))
        return std::nullopt;
    return num_sectors * sector_bytes;
}

} // namespace pagewire::testbed
