// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/program.hpp"

#include "core/error.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <utility>

namespace pagewire::testbed::vm {

namespace {

constexpr int kExecFailed = 127;
constexpr int kSignalBase = 128;

/// Where root's programs are though a user's $PATH does not say so.
constexpr const char* kSystemPath = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin";

[[noreturn]] void become(const ProgramConfig& config, pid_t parent)
{
    try {
        core::checked(::prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl", "PR_SET_PDEATHSIG");
        if (::getppid() != parent)
            ::_exit(kExecFailed); // it died before the line above
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        const core::UniqueFd null(
            core::checked(::open("/dev/null", O_RDWR | O_CLOEXEC), "open", "/dev/null"));
        ::dup2(null.get(), STDIN_FILENO);
        ::dup2(config.out.value_or(null.get()), STDOUT_FILENO);
        ::dup2(config.err.value_or(null.get()), STDERR_FILENO);
        for (const int fd : config.inherited)
            core::checked(::fcntl(fd, F_SETFD, 0), "fcntl", "inherited descriptor");
        for (const std::string& pair : config.environment) {
            const auto equals = pair.find('=');
            ::setenv(pair.substr(0, equals).c_str(), pair.substr(equals + 1).c_str(), 1);
        }
        if (config.before_exec)
            config.before_exec();
        std::vector<std::string> words = config.args;
        const std::string path = words.front();
        if (!config.name.empty())
            words.front() = config.name;
        std::vector<char*> argv;
        argv.reserve(words.size() + 1);
        for (std::string& word : words)
            argv.push_back(word.data());
        argv.push_back(nullptr);
        ::execvp(path.c_str(), argv.data());
        core::throw_errno("execvp", path);
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
    }
    std::fflush(stderr);
    ::_exit(kExecFailed);
}

std::pair<core::UniqueFd, core::UniqueFd> make_pipe()
{
    std::array<int, 2> ends{};
    core::checked(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
    return {core::UniqueFd(ends[0]), core::UniqueFd(ends[1])};
}

std::string last_line(const std::string& text)
{
    std::istringstream lines(text);
    std::string last;
    for (std::string line; std::getline(lines, line);) {
        if (!line.empty())
            last = line;
    }
    return last;
}

} // namespace

pid_t start_program(const ProgramConfig& config)
{
    const pid_t parent = ::getpid();
    const pid_t pid = core::checked(::fork(), "fork", config.args.front());
    if (pid == 0)
        become(config, parent);
    return pid;
}

int wait_for(pid_t pid)
{
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? kSignalBase + WTERMSIG(status) : WEXITSTATUS(status);
}

ProgramEnd run_program(ProgramConfig config)
{
    auto [out, out_end] = make_pipe();
    auto [err, err_end] = make_pipe();
    config.out = out_end.get();
    config.err = err_end.get();
    const pid_t pid = start_program(config);
    out_end.reset();
    err_end.reset();
    ProgramEnd end;
    std::array<pollfd, 2> open{pollfd{.fd = out.get(), .events = POLLIN, .revents = 0},
                               pollfd{.fd = err.get(), .events = POLLIN, .revents = 0}};
    const std::array<std::string*, 2> texts{&end.out, &end.err};
    while (open[0].fd >= 0 || open[1].fd >= 0) {
        if (::poll(open.data(), open.size(), -1) < 0)
            continue; // EINTR
        for (std::size_t i = 0; i < open.size(); ++i) {
            if (open[i].fd < 0 || open[i].revents == 0)
                continue;
            std::array<char, 4096> piece{};
            const ssize_t got = ::read(open[i].fd, piece.data(), piece.size());
            if (got > 0)
                texts[i]->append(piece.data(), static_cast<std::size_t>(got));
            else if (got == 0 || errno != EINTR)
                open[i].fd = -1;
        }
    }
    end.exit_code = wait_for(pid);
    return end;
}

std::string output_of(ProgramConfig config)
{
    const std::string what = config.args.front();
    ProgramEnd end = run_program(std::move(config));
    if (end.exit_code != 0) {
        const std::string why = last_line(end.err);
        throw core::UsageError(
            fmt::format("{}: {}", what,
                        why.empty() ? fmt::format("ended with exit code {}", end.exit_code) : why));
    }
    return std::move(end.out);
}

std::optional<std::string> find_program(const std::string& name)
{
    const char* path = std::getenv("PATH");
    std::istringstream folders(fmt::format("{}:{}", path != nullptr ? path : "", kSystemPath));
    for (std::string folder; std::getline(folders, folder, ':');) {
        std::string file = fmt::format("{}/{}", folder, name);
        if (!folder.empty() && ::access(file.c_str(), X_OK) == 0)
            return file;
    }
    return std::nullopt;
}

} // namespace pagewire::testbed::vm
