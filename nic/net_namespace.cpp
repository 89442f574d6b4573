// SPDX-License-Identifier: BSD-3-Clause
#include "nic/net_namespace.hpp"

#include "core/error.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace pagewire::nic {

namespace {

/// "thread-self": a namespace belongs to the thread, and another thread may be on a visit.
constexpr const char* kOwnNamespace = "/proc/thread-self/ns/net";

bool same_namespace(int a, int b)
{
    struct stat status_a = {};
    struct stat status_b = {};
    core::checked(::fstat(a, &status_a), "fstat", "a network namespace");
    core::checked(::fstat(b, &status_b), "fstat", "a network namespace");
    return status_a.st_dev == status_b.st_dev && status_a.st_ino == status_b.st_ino;
}

/// A thread that went on in the wrong namespace would send its frames to the wrong network: no way
/// back is the end.
void return_to(int home) noexcept
{
    if (::setns(home, CLONE_NEWNET) == 0)
        return;
    std::perror("pagewire: setns back from a network namespace");
    std::abort();
}

} // namespace

NetNamespace NetNamespace::create_anonymous()
{
    const NetNamespace home = current();
    core::checked(::unshare(CLONE_NEWNET), "unshare", "the network namespace");
    core::UniqueFd created(::open(kOwnNamespace, O_RDONLY | O_CLOEXEC));
    const int error = errno;
    return_to(home.fd());
    if (!created)
        core::throw_error(error, "open", kOwnNamespace);
    return NetNamespace(std::move(created));
}

NetNamespace NetNamespace::current()
{
    return NetNamespace(core::UniqueFd(
        core::checked(::open(kOwnNamespace, O_RDONLY | O_CLOEXEC), "open", kOwnNamespace)));
}

NetNamespace NetNamespace::open(const std::string& name_or_path)
{
    const bool is_path = name_or_path.find('/') != std::string::npos;
    const std::string path = is_path ? name_or_path : "/run/netns/" + name_or_path;
    core::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file)
        throw core::UsageError(
            fmt::format("no network namespace {}: {}: \"ip netns\" lists those with names",
                        name_or_path, core::errno_text(errno)));
    if (::ioctl(file.get(), NS_GET_NSTYPE) != CLONE_NEWNET)
        throw core::UsageError(fmt::format("{} is no network namespace", path));
    return NetNamespace(std::move(file));
}

std::uint32_t NetNamespace::inode() const
{
    struct stat status {};

    core::checked(::fstat(fd_.get(), &status), "fstat", "network namespace");
    return static_cast<std::uint32_t>(status.st_ino);
}

void NetNamespace::enter() const
{
    core::checked(::setns(fd(), CLONE_NEWNET), "setns", "into a network namespace");
}

NetNamespace::Visit::Visit(const NetNamespace& target)
{
    NetNamespace home = current();
    // setns(2) asks for privileges also where it changes nothing, and reading the own namespace
    // needs none.
    if (same_namespace(home.fd(), target.fd()))
        return;
    target.enter();
    home_ = std::move(home.fd_);
}

NetNamespace::Visit::~Visit()
{
    if (home_)
        return_to(home_.get());
}

} // namespace pagewire::nic
