// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/error.hpp"
#include "core/unique_fd.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace pagewire::tests {

/// The pagewire binary under test: the environment's PAGEWIRE_EXE, set by Meson.
inline std::string pagewire_exe()
{
    const char* path = std::getenv("PAGEWIRE_EXE");
    if (path == nullptr)
        throw core::UsageError("PAGEWIRE_EXE is not set: run the tests through meson test");
    return path;
}

struct CommandResult {
    int exit_code = -1; ///< 128 + signal where a signal ended it, as a shell says
    std::string out;
    std::string err;
};

/// A pagewire that runs while the test goes on. Killed at the end of its life, if need be.
class RunningCommand {
  public:
    /// `in_child` is called between fork and exec.
    explicit RunningCommand(const std::vector<std::string>& args,
                            const std::function<void()>& in_child = {})
    {
        std::array<int, 2> out{};
        std::array<int, 2> err{};
        core::checked(::pipe2(out.data(), O_CLOEXEC), "pipe2");
        core::checked(::pipe2(err.data(), O_CLOEXEC), "pipe2");
        out_.reset(out[0]);
        err_.reset(err[0]);
        const core::UniqueFd out_end(out[1]);
        const core::UniqueFd err_end(err[1]);
        std::vector<std::string> words{pagewire_exe()};
        words.insert(words.end(), args.begin(), args.end());
        std::vector<char*> argv;
        argv.reserve(words.size() + 1);
        for (std::string& word : words)
            argv.push_back(word.data());
        argv.push_back(nullptr);
        pid_ = core::checked(::fork(), "fork");
        if (pid_ == 0) {
            ::dup2(out_end.get(), STDOUT_FILENO);
            ::dup2(err_end.get(), STDERR_FILENO);
            if (in_child)
                in_child();
            ::execv(argv[0], argv.data());
            ::_exit(127);
        }
    }

    RunningCommand(const RunningCommand&) = delete;
    RunningCommand& operator=(const RunningCommand&) = delete;

    ~RunningCommand()
    {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }

    void signal(int number) const { ::kill(pid_, number); }

    CommandResult wait()
    {
        CommandResult result;
        // stderr is short, but a full pipe would stop the child: both are drained.
        std::thread err_reader([&] { result.err = drain(err_.get()); });
        result.out = drain(out_.get());
        err_reader.join();
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return result;
    }

  private:
    static std::string drain(int fd)
    {
        std::string text;
        std::array<char, 4096> piece{};
        for (ssize_t got = 0; (got = ::read(fd, piece.data(), piece.size())) != 0;) {
            if (got > 0)
                text.append(piece.data(), static_cast<std::size_t>(got));
            else if (errno != EINTR)
                break;
        }
        return text;
    }

    core::UniqueFd out_;
    core::UniqueFd err_;
    pid_t pid_ = -1;
};

inline CommandResult run_command(const std::vector<std::string>& args,
                                 const std::function<void()>& in_child = {})
{
    return RunningCommand(args, in_child).wait();
}

/// Polls until `condition` holds; false when `longest` is over first.
inline bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds longest)
{
    const auto deadline = std::chrono::steady_clock::now() + longest;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

} // namespace pagewire::tests
