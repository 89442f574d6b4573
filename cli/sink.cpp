// SPDX-License-Identifier: BSD-3-Clause
// pagewire sink: the receiver; for two hosts with --listen, for the testbed's own labs without.
#include "testbed/sink.hpp"
#include "cli/commands.hpp"
#include "core/error.hpp"
#include "testbed/child_process.hpp"
#include "testbed/worker.hpp"

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <csignal>
#include <memory>

namespace pagewire::cli {

namespace {

/// The control channel that the testbed left on its fixed descriptor.
testbed::Channel inherited_channel(const char* instead)
{
    constexpr int fd = testbed::ChildProcess::kControlFd;
    int type = 0;
    socklen_t length = sizeof(type);
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_STREAM)
        throw core::UsageError(
            fmt::format("this command is what pagewire run starts itself as: use {}", instead));
    core::checked(::fcntl(fd, F_SETFD, FD_CLOEXEC), "fcntl", "control channel");
    return testbed::Channel(core::UniqueFd(fd));
}

} // namespace

void add_sink(CLI::App& program, int& exit_code)
{
    CLI::App* command = program.add_subcommand("sink", "The receiver, for two hosts");
    command->footer(
        "Anyone who reaches the port may use the sink: listen on the lab's own network.\n"
        "Ends with Ctrl-C.");
    auto listen = std::make_shared<std::string>();
    command->add_option("--listen", *listen, "Wait for testbeds there")->type_name("ADDRESS:PORT");
    command->callback([listen, &exit_code] {
        ::signal(SIGPIPE, SIG_IGN);
        if (!listen->empty())
            testbed::listen_sink(core::parse_address(*listen));
        testbed::Channel channel = inherited_channel("pagewire sink --listen ADDRESS:PORT");
        testbed::serve_sink(channel);
        exit_code = kDone;
    });
}

void add_worker(CLI::App& program, int& exit_code)
{
    CLI::App* command = program.add_subcommand("worker", "");
    command->group(""); // hidden
    command->callback(
        [&exit_code] { exit_code = testbed::run_worker(inherited_channel("pagewire run")); });
}

} // namespace pagewire::cli
