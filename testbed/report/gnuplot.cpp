// SPDX-License-Identifier: BSD-3-Clause
// gnuplot(1) as a filter: commands and data to its standard input, the picture from its output.
#include "testbed/report/plots.hpp"

#include "core/error.hpp"
#include "core/unique_fd.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <utility>

namespace pagewire::testbed::report {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLongest{30};
constexpr std::string_view kDataWord = "@DATA@";

std::string with_data(const Plot& plot, std::string_view data)
{
    std::string script = plot.script;
    for (auto at = script.find(kDataWord); at != std::string::npos; at = script.find(kDataWord))
        script.replace(at, kDataWord.size(), data);
    return script;
}

std::string terminal(const Plot& plot, PictureKind kind)
{
    switch (kind) {
    case PictureKind::kSvg:
        return fmt::format("set terminal svg size {},{} noenhanced font 'sans-serif,13' background "
                           "rgb 'white'\n",
                           plot.width, plot.height);
    case PictureKind::kPng:
        return fmt::format("set terminal pngcairo size {},{} noenhanced font 'sans-serif,10'\n",
                           plot.width, plot.height);
    }
    return {};
}

/// The child, killed and waited for if it is still there.
class Gnuplot {
  public:
    Gnuplot(int input, int output, int errors)
    {
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
        std::string name = "gnuplot";
        std::string option = "-d"; // no start-up file of the user's
        std::array<char*, 3> arguments{name.data(), option.data(), nullptr};
        const int error =
            ::posix_spawnp(&pid_, "gnuplot", &actions, nullptr, arguments.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        if (error == ENOENT)
            throw core::UsageError("gnuplot is missing, which draws the plots: apt-get install "
                                   "gnuplot-nox, or leave --html and --plots away");
        if (error != 0)
            core::throw_error(error, "posix_spawnp", "gnuplot");
    }

    Gnuplot(const Gnuplot&) = delete;
    Gnuplot& operator=(const Gnuplot&) = delete;

    ~Gnuplot()
    {
        if (pid_ <= 0)
            return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    [[nodiscard]] int wait()
    {
        int status = 0;
        ::waitpid(std::exchange(pid_, -1), &status, 0);
        return status;
    }

  private:
    pid_t pid_ = -1;
};

std::pair<core::UniqueFd, core::UniqueFd> stream_pair()
{
    std::array<int, 2> ends{};
    core::checked(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
    return {core::UniqueFd(ends[0]), core::UniqueFd(ends[1])};
}

/// Reads what is there; false at the end.
bool read_some(int fd, std::string& text)
{
    std::array<char, 65536> piece{};
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got > 0)
        text.append(piece.data(), static_cast<std::size_t>(got));
    return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

std::string run(const std::string& script)
{
    auto [input, child_input] = stream_pair(); // sockets: a child that is gone is EPIPE, no signal
    auto [output, child_output] = stream_pair();
    auto [errors, child_errors] = stream_pair();
    Gnuplot gnuplot(child_input.get(), child_output.get(), child_errors.get());
    child_input.reset();
    child_output.reset();
    child_errors.reset();

    std::string picture;
    std::string complaint;
    std::size_t sent = 0;
    std::array<pollfd, 3> waiting{pollfd{.fd = input.get(), .events = POLLOUT, .revents = 0},
                                  pollfd{.fd = output.get(), .events = POLLIN, .revents = 0},
                                  pollfd{.fd = errors.get(), .events = POLLIN, .revents = 0}};
    const auto limit = Clock::now() + kLongest;
    while (waiting[1].fd >= 0 || waiting[2].fd >= 0) {
        if (Clock::now() > limit)
            core::throw_error(ETIMEDOUT, "draw", "gnuplot");
        ::poll(waiting.data(), waiting.size(), 100);
        if (waiting[0].fd >= 0 && waiting[0].revents != 0) {
            const ssize_t put = ::send(input.get(), script.data() + sent, script.size() - sent,
                                       MSG_NOSIGNAL | MSG_DONTWAIT);
            sent += put > 0 ? static_cast<std::size_t>(put) : 0;
            if (sent == script.size() || (put < 0 && errno != EAGAIN && errno != EINTR)) {
                input.reset();
                waiting[0].fd = -1;
            }
        }
        if (waiting[1].revents != 0 && !read_some(output.get(), picture))
            waiting[1].fd = -1;
        if (waiting[2].revents != 0 && !read_some(errors.get(), complaint))
            waiting[2].fd = -1;
    }
    if (const int status = gnuplot.wait(); status != 0 || picture.empty())
        throw core::TransferError(fmt::format(
            "gnuplot could not draw: {}",
            complaint.empty() ? fmt::format("it said nothing, wait status {:#x}, {} bytes drawn",
                                            status, picture.size())
                              : complaint.substr(0, 400)));
    return picture;
}

} // namespace

std::string draw(const Plot& plot, PictureKind kind)
{
    // Here-documents: no line of the data is the word that ends them, for each has a comma.
    return run(fmt::format("{}$data << END_OF_DATA\n{}END_OF_DATA\n{}", terminal(plot, kind),
                           plot.csv, with_data(plot, "$data")));
}

std::string script_for_file(const Plot& plot)
{
    return fmt::format("# {}\n# gnuplot {}.gp, in this folder\n{}set output '{}.svg'\n{}",
                       plot.title, plot.name, terminal(plot, PictureKind::kSvg), plot.name,
                       with_data(plot, "'" + plot.name + ".csv'"));
}

} // namespace pagewire::testbed::report
