// SPDX-License-Identifier: BSD-3-Clause
#include "cli/commands.hpp"
#include "core/error.hpp"
#include "version.hpp" // generated

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>

namespace {

using namespace pagewire::cli;

constexpr const char* kFooter = R"(Examples:
  pagewire run                                    the default comparison, on a lab of its own
  pagewire run --file movie.mkv --methods sendfile_sg,af_xdp --cache cold
  pagewire run quick --out results                an installed plan; table on stdout, results/result.json
  pagewire report results/result.json --html r.html   tables, plots, the way of a byte: one page
  pagewire compare before.json after.json         is the second run worse, row by row
  pagewire list                                   methods, engines, receivers, and why one is missing
  pagewire doctor --file movie.mkv                is this machine fit to measure, and what to mend
  pagewire nic show eth0                          driver, queues, rings, offloads, XDP, interrupts
  pagewire nic check                              what offloads do, tried on and off
  pagewire vm -- pagewire list                    the same on emulated NICs and an emulated NVMe disk
  pagewire nic restore                            what a killed run has left changed of a NIC

Exit codes: 0 done; 1 measured and found wrong; 2 usage or environment; 130 interrupted.)";

int run_program(int argc, char** argv)
{
    CLI::App program("Shows, with evidence, how a file's bytes get from the disk to the NIC.",
                     "pagewire");
    program.set_version_flag("--version", fmt::format("pagewire {}", pagewire::version()));
    program.require_subcommand(1);
    int exit_code = kDone;
    add_run(program, exit_code);
    add_report(program, exit_code);
    add_list(program, exit_code);
    add_compare(program, exit_code);
    add_doctor(program, exit_code);
    add_nic(program, exit_code);
    add_vm(program, exit_code);
    add_sink(program, exit_code);
    add_worker(program, exit_code);
    program.footer(kFooter); // after the subcommands, which would inherit it
    if (argc > 1 && std::string_view(argv[1]) == "complete")
        return print_completions(program, {argv + 2, argv + argc});
    try {
        program.parse(argc, argv);
    } catch (const CLI::Success& help_or_version) {
        return program.exit(help_or_version);
    } catch (const CLI::ParseError& error) {
        std::string line = error.what();
        for (char& letter : line)
            letter = letter == '\n' ? ' ' : letter;
        fmt::print(stderr, "pagewire: {} (see pagewire --help)\n", line);
        return kUsage;
    }
    return exit_code;
}

} // namespace

int main(int argc, char** argv)
{
    try {
        const int exit_code = run_program(argc, argv);
        // What was printed may lie in the buffer still, and have nowhere to go.
        if (std::fflush(stdout) != 0)
            throw pagewire::core::SystemError(errno, "write", "stdout");
        return exit_code;
    } catch (const std::exception& error) {
        // Usage and environment: one line that says what to do.
        // Where stderr cannot be written to, the exit code says it.
        (void)std::fputs(fmt::format("pagewire: {}\n", error.what()).c_str(), stderr);
        return kUsage;
    }
}
