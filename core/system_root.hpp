// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::core {

/// Where the kernel's files of facts lie: proc(5) and sysfs(5), or a tree made by a test.
///
/// The kernel leaves out the files of what a machine does not have: no reader throws, and what
/// cannot be read is absent.
struct SystemRoot {
    std::filesystem::path proc = "/proc";
    std::filesystem::path sys = "/sys";
};

/// A whole file, without the white space at its end.
[[nodiscard]] std::optional<std::string> read_text(const std::filesystem::path& file);

/// A file that holds one decimal number, which may be negative, and nothing else.
[[nodiscard]] std::optional<std::int64_t> read_number(const std::filesystem::path& file);

/// The text behind "key:" (or "key =") of the first such line, white space around it cut off:
/// /proc/meminfo, /proc/cpuinfo, /etc/os-release.
[[nodiscard]] std::optional<std::string> value_of(std::string_view text, std::string_view key,
                                                  char separator = ':');

/// The names in a folder, sorted; none where there is no such folder.
[[nodiscard]] std::vector<std::string> names_in(const std::filesystem::path& folder);

/// "0-3,8" (Documentation/admin-guide/cputopology.rst) as 0, 1, 2, 3, 8. Nothing for what is no
/// such list; an empty text is an empty list.
[[nodiscard]] std::optional<std::vector<int>> parse_cpu_list(std::string_view text);

} // namespace pagewire::core
