// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>

namespace pagewire::testbed {

/// Bytes that the block device under the file `fd` has read since the machine started, whoever
/// asked
/// (/sys/dev/block/MAJOR:MINOR/stat, Documentation/block/stat.rst). Nothing where its file system
/// sits on no single device: tmpfs, btrfs, overlay, network file systems.
[[nodiscard]] std::optional<std::uint64_t> disk_read_bytes(int fd);

} // namespace pagewire::testbed
