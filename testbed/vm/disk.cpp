// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/disk.hpp"

#include "core/error.hpp"
#include "testbed/vm/program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace pagewire::testbed::vm {

core::UniqueFd make_disk(const std::filesystem::path& folder, const std::filesystem::path& content,
                         std::uint64_t bytes, const Tools& tools)
{
    core::UniqueFd disk(core::checked(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600),
                                      "open", folder.string()));
    core::checked(::ftruncate(disk.get(), static_cast<off_t>(bytes)), "ftruncate", folder.string());
    (void)output_of({.args = {tools.mke2fs, "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-E",
                              "lazy_itable_init=1,nodiscard", "-m", "0", "-d", content.string(),
                              fmt::format("/proc/self/fd/{}", disk.get())},
                     .environment = tools.environment_of(tools.mke2fs),
                     .inherited = {disk.get()}});
    return disk;
}

} // namespace pagewire::testbed::vm
