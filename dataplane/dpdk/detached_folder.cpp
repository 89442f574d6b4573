// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dpdk/detached_folder.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

namespace pagewire::dataplane::dpdk {

DetachedFolder::DetachedFolder()
{
    const core::UniqueFd context(
        core::checked(::fsopen("tmpfs", FSOPEN_CLOEXEC), "fsopen", "tmpfs"));
    core::checked(::fsconfig(context.get(), FSCONFIG_SET_STRING, "mode", "0700", 0), "fsconfig",
                  "tmpfs");
    core::checked(::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), "fsconfig",
                  "tmpfs");
    mount_ = core::UniqueFd(core::checked(
        ::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), "fsmount",
        "tmpfs"));
}

core::Support DetachedFolder::probe()
{
    try {
        const DetachedFolder folder;
        return core::Support::available();
    } catch (const core::SystemError& error) {
        return core::Support::unavailable(
            fmt::format("DPDK's folder in memory needs root: {}", error.what()));
    }
}

std::string DetachedFolder::path() const
{
    return fmt::format("/proc/{}/fd/{}", ::getpid(), mount_.get());
}

} // namespace pagewire::dataplane::dpdk
