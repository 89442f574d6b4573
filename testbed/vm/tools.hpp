// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/vm/cache.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::testbed::vm {

/// The programs that the lab needs beside apt's: of this machine where it has them, and unpacked in
/// the cache where it has not.
struct Tools {
    std::string qemu;                   ///< qemu-system-x86_64, kQemuVersionMin or later
    std::vector<std::string> qemu_data; ///< folders of its firmware; empty: it knows
    std::string busybox;                ///< linked statically: it runs in the guest's initramfs
    std::string kmod;                   ///< depmod and modprobe in one
    std::string mke2fs;
    std::string xz;
    std::filesystem::path root;            ///< of what was unpacked
    std::vector<std::string> library_path; ///< of libraries that came with it

    /// "LD_LIBRARY_PATH=..." for a program that came with libraries, nothing for one of the
    /// machine.
    [[nodiscard]] std::vector<std::string> environment_of(const std::string& program) const;
};

/// The first with the igb.
inline constexpr unsigned kQemuVersionMin = 8;

/// Major version in "QEMU emulator version 10.0.2 (Debian ...)".
[[nodiscard]] std::optional<unsigned> parse_qemu_version(std::string_view text);

/// $PAGEWIRE_QEMU is used where it is set; then $PATH's; then the cache's, fetched when it is not
/// there. `note` is told what takes its time. Throws core::UsageError: QEMU too old, nothing to
/// fetch from.
[[nodiscard]] Tools find_tools(Cache& cache, const std::function<void(const std::string&)>& note);

} // namespace pagewire::testbed::vm
