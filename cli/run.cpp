// SPDX-License-Identifier: BSD-3-Clause
// pagewire run: the experiment.
#include "cli/commands.hpp"
#include "cli/interruption.hpp"
#include "cli/nic_restore.hpp"
#include "cli/output.hpp"
#include "cli/pause.hpp"
#include "cli/run_in_vm.hpp"
#include "cli/run_progress.hpp"
#include "cli/run_words.hpp"
#include "cli/terminal.hpp"
#include "core/error.hpp"
#include "nic/pci_binding.hpp"
#include "nic/pci_device.hpp"
#include "testbed/dry_run.hpp"
#include "testbed/experiment.hpp"
#include "testbed/explanation.hpp"
#include "testbed/plan.hpp"
#include "testbed/registry.hpp"
#include "testbed/report/report.hpp"
#include "testbed/vm/guest_port.hpp"
#include "testbed/vm/lab.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

namespace pagewire::cli {

namespace {

/// A port of the virtual lab's guest by its name, and the driver that it is lent to: nobody else
/// uses that machine's devices.
bool takes_port_of_guest(testbed::Plan& plan)
{
    if (plan.lab != testbed::LabKind::kVm)
        return false;
    const std::string address = testbed::vm::with_pci_address(plan.dataplane.dpdk_port);
    if (address == plan.dataplane.dpdk_port) // no name of a port
        return false;
    plan.dataplane.dpdk_port = address;
    const bool is_on_its_wire = !plan.interface.starts_with("virtio"); // else the row is skipped
    const bool takes =
        is_on_its_wire &&
        std::any_of(plan.methods.begin(), plan.methods.end(), [&](const std::string& name) {
            return testbed::has_pci_port(*testbed::find_method(name), plan);
        });
    if (takes)
        testbed::vm::prepare_vfio(plan.dataplane.dpdk_port, plan.interface);
    return takes;
}

/// What this run was told to take.
std::optional<nic::PciBinding> bind_port(const RunWords& words, testbed::Plan& plan)
{
    if (!takes_port_of_guest(plan) && !words.dpdk_bind)
        return std::nullopt;
    const std::string& port = plan.dataplane.dpdk_port;
    const std::string address = port.substr(0, port.find(','));
    if (!nic::is_pci_address(address)) {
        throw core::UsageError("--dpdk-bind: binds a PCI device: name one with --dpdk-port, as "
                               "0000:01:00.0");
    }
    return std::optional<nic::PciBinding>(std::in_place, address);
}

/// A method that was asked for by name must run, or the request fails: a skipped row is for plans.
void require_methods(const RunWords& words)
{
    std::vector<std::string> names = words.methods;
    if (!words.explain.empty())
        names.push_back(words.explain);
    for (const std::string& name : names) {
        const core::Method* method = testbed::find_method(name);
        if (const core::Support support = method->probe(); !support)
            throw core::UsageError(fmt::format("{}: {}", name, support.reason()));
    }
}

/// What this process was started as, quoted for a shell.
std::string command_line()
{
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    std::string line;
    for (std::string word; std::getline(file, word, '\0');) {
        const bool is_plain =
            !word.empty() && word.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                                    "-_./,:=@%+") == std::string::npos;
        if (line.empty()) {
            line = "pagewire"; // wherever it lay
            continue;
        }
        if (is_plain) {
            line += ' ' + word;
            continue;
        }
        line += " '";
        for (const char c : word)
            line += c == '\'' ? std::string("'\\''") : std::string(1, c);
        line += '\'';
    }
    return line;
}

int run(const RunWords& words)
{
    const ProgressKind progress = parse_progress_kind(words.progress);
    testbed::Plan plan = make_plan(words);
    if (words.dry_run) {
        fmt::print("{}", testbed::dry_run(plan));
        return kDone;
    }
    if (plan.lab == testbed::LabKind::kVm && !testbed::vm::is_inside())
        return run_in_vm(words, plan);
    if (words.kernel)
        throw core::UsageError("--kernel: this guest has booted one already: pagewire vm --kernel "
                               "boots another");
    require_methods(words);
    const Output output(words.out_folder,
                        words.json_file); // can it be written? before anything is measured
    catch_interruptions();
    restore_leftovers();
    const std::optional<nic::PciBinding> binding = bind_port(words, plan);
    RunProgress line(progress);
    const auto pause = [&](const testbed::Cell& cell, pid_t worker, const std::string& interface) {
        line.clear();
        pause_before(cell, worker, interface, interruption());
    };
    testbed::RunResult result = testbed::run_experiment(
        plan, interruption(), [&](const testbed::ProgressNote& note) { line.show(note); },
        words.pause ? testbed::Pause(pause) : testbed::Pause());
    line.clear();
    result.command = command_line();
    const nlohmann::json document = testbed::result_document(result);
    const auto table = [&](bool colour) {
        return words.explain.empty() ? testbed::report::table(document, {.colour = colour})
                                     : testbed::explanation(result);
    };
    if (!words.quiet && words.json_file != "-")
        fmt::print("{}", table(wants_colour()));
    output.write(document, table(false));
    if (result.interrupted)
        return kInterrupted;
    if (result.nothing_measured())
        throw core::UsageError(
            fmt::format("nothing could be measured: {}", result.rows.front().reason()));
    return result.any_failed() ? kFoundWrong : kDone;
}

} // namespace

void add_run(CLI::App& program, int& exit_code)
{
    CLI::App* command =
        program.add_subcommand("run", "Send one file by every method and measure each");
    command->footer(
        "Needs root (network namespaces, AF_XDP) and about a minute with the default plan.\n"
        "Leaves nothing behind but the generated file (in $PAGEWIRE_CACHE, else "
        "~/.cache/pagewire).\n"
        "Without --allow-nic-changes or --dpdk-bind no NIC of this machine is changed. What is, is "
        "restored when the\nrun ends or is interrupted; after kill -9 by the next run, features "
        "also "
        "by pagewire nic restore.");
    auto words = std::make_shared<RunWords>();
    add_run_options(*command, *words);
    command->callback([words, &exit_code] { exit_code = run(*words); });
}

} // namespace pagewire::cli
