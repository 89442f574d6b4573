// SPDX-License-Identifier: BSD-3-Clause
// pagewire nic restore: what runs that were killed have left changed.
#include "cli/nic_restore.hpp"

#include "cli/commands.hpp"
#include "nic/net_namespace.hpp"
#include "nic/pci_binding.hpp"
#include "nic/state_journal.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace pagewire::cli {

namespace {

using Outcome = nic::NicRestoration::Outcome;

int restore()
{
    const auto restorations = nic::restore_nic_states(nic::NetNamespace::current());
    if (restorations.empty())
        fmt::print("nothing to restore\n");
    bool failed = false;
    for (const auto& [outcome, line] : restorations) {
        if (outcome != Outcome::kFailed) {
            fmt::print("{}\n", line);
            continue;
        }
        failed = true;
        fmt::print(stderr, "pagewire: {}\n", line);
    }
    return failed ? kUsage : kDone;
}

} // namespace

void add_nic_restore(CLI::App& nic, int& exit_code)
{
    CLI::App* command = nic.add_subcommand(
        "restore", "Bring back what a run that was killed has left changed of this machine's NICs");
    command->footer("A run restores them itself, also when it is interrupted; after kill -9 this "
                    "does, or the next run.\nNeeds root where there is something "
                    "to restore. Exit code 2: something could not be restored.");
    command->callback([&exit_code] { exit_code = restore(); });
}

void restore_leftovers()
{
    for (const std::string& line : nic::restore_pci_bindings())
        fmt::print(stderr, "pagewire: {}\n", line);
    for (const auto& [outcome, line] : nic::restore_nic_states(nic::NetNamespace::current())) {
        if (outcome == Outcome::kRestored || outcome == Outcome::kFailed)
            fmt::print(stderr, "pagewire: {}\n", line);
    }
}

} // namespace pagewire::cli
