// SPDX-License-Identifier: BSD-3-Clause

/// Namespaces against the real kernel: who is where, and what is left behind. Needs root, and fails
/// without.

#include "core/error.hpp"
#include "core/unique_fd.hpp"
#include "nic/features.hpp"
#include "nic/link.hpp"
#include "nic/net_namespace.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>

namespace pagewire::nic {
namespace {

/// Number of the network namespace that the calling thread is in.
ino_t own_namespace()
{
    struct stat status = {};
    core::checked(::stat("/proc/thread-self/ns/net", &status), "stat", "/proc/thread-self/ns/net");
    return status.st_ino;
}

TEST(NetNamespaceTest, CreatingOneLeavesTheThreadWhereItWas)
{
    const ino_t home = own_namespace();
    const NetNamespace created = NetNamespace::create_anonymous();
    EXPECT_EQ(own_namespace(), home);

    const NetNamespace::Visit visit(created);
    EXPECT_NE(own_namespace(), home);
}

TEST(NetNamespaceTest, VisitEndsAtHomeAlsoByAnException)
{
    const ino_t home = own_namespace();
    const NetNamespace first = NetNamespace::create_anonymous();
    const NetNamespace second = NetNamespace::create_anonymous();
    try {
        const NetNamespace::Visit outer(first);
        const ino_t inside = own_namespace();
        EXPECT_NE(inside, home);
        {
            const NetNamespace::Visit inner(second);
            EXPECT_NE(own_namespace(), inside);
        }
        EXPECT_EQ(own_namespace(), inside);
        EXPECT_GE(NetNamespace::create_anonymous().fd(), 0);
        EXPECT_EQ(own_namespace(), inside);
        throw std::runtime_error("inside");
    } catch (const std::runtime_error&) {
    }
    EXPECT_EQ(own_namespace(), home);
}

TEST(NetNamespaceTest, FailedFunctionsLeaveTheThreadWhereItWas)
{
    const ino_t home = own_namespace();
    const NetNamespace netns = NetNamespace::create_anonymous();
    EXPECT_THROW((void)link_facts(netns, "nothing"), core::UsageError);
    EXPECT_THROW((void)read_features(netns, "nothing"), core::UsageError);
    EXPECT_EQ(own_namespace(), home);
}

TEST(NetNamespaceTest, EnterMovesTheCallingThreadOnly)
{
    const ino_t home = own_namespace();
    const NetNamespace netns = NetNamespace::create_anonymous();
    ino_t entered = home;
    std::thread([&] {
        netns.enter();
        entered = own_namespace();
    }).join();
    EXPECT_NE(entered, home);
    EXPECT_EQ(own_namespace(), home);
}

TEST(NetNamespaceTest, LookingAtTheOwnOneNeedsNoPrivileges)
{
    const pid_t child = core::checked(::fork(), "fork");
    if (child == 0) {
        int verdict = 1;
        try {
            constexpr uid_t nobody = 65534;
            core::checked(::setresuid(nobody, nobody, nobody), "setresuid");
            const bool seen = link_facts(NetNamespace::current(), "lo").index == 1;
            const bool read = !read_features(NetNamespace::current(), "lo").empty();
            verdict = seen && read ? 0 : 2;
            (void)NetNamespace::create_anonymous();
            verdict = 3;
        } catch (const core::SystemError& error) {
            verdict = error.code().value() == EPERM ? verdict : 4;
        }
        ::_exit(verdict);
    }
    int status = 0;
    core::checked(::waitpid(child, &status, 0), "waitpid");
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0) << "see the child's verdicts";
}

/// Makes a namespace with a link into `far`, says so, and waits to be killed.
[[noreturn]] void own_a_link_until_killed(const NetNamespace& far, int ready_fd)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // should the test itself end early
    try {
        const NetNamespace near = NetNamespace::create_anonymous();
        create_veth_pair(near, far, {.near_name = "owned", .far_name = "orphan"});
        if (::write(ready_fd, "r", 1) == 1)
            for (;;)
                ::pause();
    } catch (...) {
    }
    ::_exit(1);
}

bool has_link(const NetNamespace& netns, const std::string& interface)
{
    try {
        return link_facts(netns, interface).index != 0;
    } catch (const core::UsageError&) {
        return false;
    }
}

TEST(KilledOwner, LeavesNeitherNamespaceNorLink)
{
    const NetNamespace far = NetNamespace::create_anonymous();
    std::array<int, 2> ends{};
    core::checked(::pipe(ends.data()), "pipe");
    const core::UniqueFd ready_read(ends[0]);
    core::UniqueFd ready_write(ends[1]);

    const pid_t child = core::checked(::fork(), "fork");
    if (child == 0)
        own_a_link_until_killed(far, ready_write.get());
    ready_write.reset();
    char ready = 0;
    const ssize_t num_read = ::read(ready_read.get(), &ready, 1);
    const bool existed = num_read == 1 && has_link(far, "orphan");
    core::checked(::kill(child, SIGKILL), "kill");
    int status = 0;
    core::checked(::waitpid(child, &status, 0), "waitpid");
    ASSERT_EQ(num_read, 1) << "the child could not make its link";
    EXPECT_TRUE(existed);
    EXPECT_TRUE(WIFSIGNALED(status));

    // The near end lived in the child's namespace only. Its peer, here, goes when that namespace is
    // destroyed, which the kernel does in the background.
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (has_link(far, "orphan") && std::chrono::steady_clock::now() < give_up)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(has_link(far, "orphan"));
}

} // namespace
} // namespace pagewire::nic
