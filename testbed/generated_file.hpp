// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>

namespace pagewire::testbed {

/// Where generated files are kept: $PAGEWIRE_CACHE, else $XDG_CACHE_HOME/pagewire, else
/// $HOME/.cache/pagewire. Created when missing. Throws core::UsageError where it cannot be made or
/// written.
[[nodiscard]] std::string cache_folder();

/// Path of a file of `bytes` pseudo-random bytes on a disk-backed file system, made once and
/// re-used. The file appears whole or not at all: it is written without a name (O_TMPFILE) and
/// linked when it is on disk, so that no end of the process leaves a part of it. Throws
/// core::UsageError in one line: disk full (with the bytes needed and free), a folder in memory
/// (tmpfs), not writable.
[[nodiscard]] std::string generated_file(std::uint64_t bytes);

/// The same in a folder of the caller's.
[[nodiscard]] std::string generated_file(const std::string& folder, std::uint64_t bytes);

} // namespace pagewire::testbed
