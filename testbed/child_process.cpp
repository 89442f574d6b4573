// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/child_process.hpp"

#include "core/error.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace pagewire::testbed {

namespace {

constexpr int kExecFailed = 127;

/// The child between fork and exec. The parent is a process of one thread, so that nothing here can
/// find a lock held.
[[noreturn]] void become(const ChildConfig& config, const std::string& executable, int control_fd,
                         pid_t parent)
{
    try {
        core::checked(::prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl", "PR_SET_PDEATHSIG");
        if (::getppid() != parent)
            ::_exit(kExecFailed); // it died before the line above
        if (config.cpu) {
            cpu_set_t cpus;
            CPU_ZERO(&cpus);
            CPU_SET(static_cast<std::size_t>(*config.cpu), &cpus);
            core::checked(::sched_setaffinity(0, sizeof(cpus), &cpus), "sched_setaffinity",
                          fmt::format("CPU {}", *config.cpu));
        }
        if (config.netns != nullptr)
            config.netns->enter();
        ::signal(SIGINT, SIG_IGN);
        ::signal(SIGPIPE, SIG_IGN);
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);

        const core::UniqueFd null(
            core::checked(::open("/dev/null", O_RDONLY | O_CLOEXEC), "open", "/dev/null"));
        ::dup2(null.get(), STDIN_FILENO);
        ::dup2(STDERR_FILENO, STDOUT_FILENO); // results are the parent's to print
        if (control_fd == ChildProcess::kControlFd)
            core::checked(::fcntl(control_fd, F_SETFD, 0), "fcntl", "control channel");
        else
            core::checked(::dup2(control_fd, ChildProcess::kControlFd), "dup2", "control channel");

        std::string name = "pagewire";
        std::string command = config.command;
        std::array<char*, 3> argv{name.data(), command.data(), nullptr};
        ::execv(executable.c_str(), argv.data());
        core::throw_errno("execv", executable);
    } catch (const std::exception& error) {
        fmt::print(stderr, "pagewire: cannot start the {}: {}\n", config.command, error.what());
    }
    ::_exit(kExecFailed);
}

} // namespace

ChildProcess::ChildProcess(const ChildConfig& config) : channel_(core::UniqueFd{})
{
    auto [ours, theirs] = Channel::pair();
    const std::string path = executable();
    const pid_t parent = ::getpid();
    pid_ = core::checked(::fork(), "fork", config.command);
    if (pid_ == 0)
        become(config, path, theirs.fd(), parent);
    channel_ = std::move(ours);
}

ChildProcess::~ChildProcess()
{
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
}

void ChildProcess::terminate() noexcept
{
    if (pid_ > 0)
        ::kill(pid_, SIGTERM);
}

std::string ChildProcess::wait_end(std::chrono::milliseconds longest)
{
    const core::UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    core::checked(handle.get(), "pidfd_open");
    pollfd ended{.fd = handle.get(), .events = POLLIN, .revents = 0};
    const auto deadline = std::chrono::steady_clock::now() + longest;
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            ::kill(pid_, SIGKILL);
            break;
        }
        if (::poll(&ended, 1, static_cast<int>(left.count())) > 0)
            break;
    }
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    if (WIFSIGNALED(status))
        return fmt::format("killed by signal {} ({})", WTERMSIG(status),
                           ::strsignal(WTERMSIG(status)));
    return WEXITSTATUS(status) == 0 ? std::string{}
                                    : fmt::format("exited with code {}", WEXITSTATUS(status));
}

std::string ChildProcess::executable()
{
    const char* named = std::getenv("PAGEWIRE_EXE");
    return named != nullptr ? named : "/proc/self/exe";
}

} // namespace pagewire::testbed
