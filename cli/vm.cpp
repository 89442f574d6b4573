// SPDX-License-Identifier: BSD-3-Clause
// pagewire vm: a command inside the virtual hardware lab.
#include "cli/commands.hpp"
#include "cli/interruption.hpp"
#include "cli/vm_end.hpp"
#include "core/error.hpp"
#include "core/units.hpp"
#include "testbed/vm/lab.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::cli {

namespace {

struct VmWords {
    std::vector<std::string> command;
    bool shell = false;
    std::string kernel = testbed::vm::kNewestKernel;
    bool update = false;
    std::optional<unsigned> time_limit_s; ///< none: of a command 300, of a shell a day
    std::string out_folder;
    std::string gdb;
    std::vector<std::string> append;
    unsigned memory_mib = 2048;
    bool console = false;
};

/// The caller's terminal hands every key to the guest's, which does the rest.
class RawTerminal {
  public:
    RawTerminal()
    {
        if (::tcgetattr(STDIN_FILENO, &before_) != 0)
            throw core::UsageError("vm --shell: needs a terminal: give a command instead");
        termios raw = before_;
        ::cfmakeraw(&raw);
        core::checked(::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw), "tcsetattr");
    }

    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;

    ~RawTerminal() { (void)::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_); }

  private:
    termios before_{};
};

int run(const VmWords& words)
{
    if (words.shell != words.command.empty()) {
        throw core::UsageError(words.shell ? "vm: a command or --shell, and not both"
                                           : "vm: give a command after --, or --shell");
    }
    constexpr unsigned command_s = 300;
    constexpr unsigned shell_s = 86400;
    const std::chrono::seconds time_limit(
        words.time_limit_s.value_or(words.shell ? shell_s : command_s));
    catch_interruptions();
    std::unique_ptr<RawTerminal> terminal;
    if (words.shell)
        terminal = std::make_unique<RawTerminal>();
    const testbed::vm::GuestEnd end = testbed::vm::run_in_vm(
        {.command = words.command,
         .kernel = words.kernel,
         .update = words.update,
         .time_limit = time_limit,
         .results = words.out_folder,
         .gdb = words.gdb,
         .append = words.append,
         .memory_mib = words.memory_mib,
         .file_bytes = 64 * core::kMiB,
         .note = [](const std::string& what) { fmt::print(stderr, "pagewire: vm: {}\n", what); },
         .output = [&](testbed::vm::GuestStream stream,
                       std::string_view text) { pass_on(stream, text, words.console); },
         .interrupted = &interruption(),
         .terminal_in = words.shell ? STDIN_FILENO : -1,
         .terminal_out = words.shell ? STDOUT_FILENO : -1});
    terminal.reset();
    return vm_exit_code(end, time_limit);
}

} // namespace

void add_vm(CLI::App& program, int& exit_code)
{
    CLI::App* command =
        program.add_subcommand("vm", "Run a command inside the virtual hardware lab");
    command->footer(
        "The guest has this machine's files (what it writes there is forgotten), two igb ports on "
        "one wire, two virtio\nports on another, an NVMe disk at /pagewire/disk with a generated "
        "file, an Intel IOMMU. Its timings have no\nmeaning: it is emulated.\n"
        "Needs root. The kernel, and QEMU where this machine has none of version 8 or later, are "
        "fetched once from the\nDebian archive of this machine's apt configuration and kept in the "
        "cache; nothing is installed.\n\n"
        "Exit codes: the command's own; 2 usage or environment; 124 ended at the time limit; 125 "
        "the guest died.");
    auto words = std::make_shared<VmWords>();
    command->add_option("command", words->command, "The command and its arguments, after --");
    command->add_flag("--shell", words->shell, "A shell in the guest, at this terminal");
    command
        ->add_option("--kernel", words->kernel,
                     "Beginning of a kernel's version, as 6.1 or 7.3, or \"newest\"")
        ->capture_default_str();
    command->add_flag("--update", words->update,
                      "Look for a newer kernel than the one in the cache");
    command
        ->add_option("--time-limit", words->time_limit_s,
                     "Seconds for boot and command; then the guest is ended. Default: 300; for a "
                     "shell, a day")
        ->check(CLI::Range(1U, 86400U));
    command->add_option("--out", words->out_folder,
                        "Folder that the guest sees, and can write to, at /pagewire/results");
    command->add_option("--append", words->append, "A word for the kernel's command line")
        ->allow_extra_args(false)
        ->type_name("WORD");
    command->add_option("--memory", words->memory_mib, "The guest's memory, MiB")
        ->check(CLI::Range(512U, 1048576U))
        ->capture_default_str();
    command->add_flag("--console", words->console, "The guest kernel's console on stderr too");
    command->add_option("--gdb", words->gdb, "Path of a socket for gdb: target remote PATH");
    command->callback([words, &exit_code] { exit_code = run(*words); });
}

} // namespace pagewire::cli
