// SPDX-License-Identifier: BSD-3-Clause
#include "nic/state_folder.hpp"

#include "core/error.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

namespace pagewire::nic {

namespace {

namespace fs = std::filesystem;

/// Is it still the file of that name? Its last owner may have removed it before the lock was had.
bool has_name(int entry, const fs::path& path)
{
    struct stat mine {};

    struct stat named {};

    return ::fstat(entry, &mine) == 0 && ::stat(path.c_str(), &named) == 0 &&
           mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
}

} // namespace

fs::path state_folder()
{
    const char* named = std::getenv("PAGEWIRE_STATE_DIR");
    return named != nullptr && *named != '\0' ? named : "/run/pagewire";
}

core::UniqueFd lock_entry(const fs::path& path, int flags)
{
    for (;;) {
        core::UniqueFd entry(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600));
        if (!entry)
            core::throw_errno("open", path.string());
        if (::flock(entry.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK)
                core::throw_errno("flock", path.string());
            return {};
        }
        if (has_name(entry.get(), path))
            return entry;
    }
}

} // namespace pagewire::nic
