// SPDX-License-Identifier: BSD-3-Clause
// pagewire nic check: offloads, tried and judged.
#include "cli/commands.hpp"
#include "cli/interruption.hpp"
#include "cli/nic_check_report.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "core/error.hpp"
#include "nic/checks/lab.hpp"
#include "nic/checks/runner.hpp"
#include "testbed/lab.hpp"
#include "testbed/skb_watch.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace pagewire::cli {

namespace {

struct Options {
    nic::HostCheckLab host;
    bool allow_changes = false;
    std::vector<std::string> only;
    bool list = false;
    bool as_json = false;
    std::string junit_file;
};

std::vector<const nic::Check*> choose(const std::vector<std::string>& names)
{
    const auto all = nic::checks();
    if (names.empty())
        return {all.begin(), all.end()};
    for (const std::string& name : names) {
        if (nic::find_check(name) == nullptr)
            throw core::UsageError(fmt::format(
                "--only: no check \"{}\": \"pagewire nic check --list\" names all", name));
    }
    std::vector<const nic::Check*> chosen;
    std::copy_if(all.begin(), all.end(), std::back_inserter(chosen), [&](const nic::Check* check) {
        return std::find(names.begin(), names.end(), check->name) != names.end();
    });
    return chosen;
}

void list_checks()
{
    for (const nic::Check* check : nic::checks())
        fmt::print("{:<20} {}\n", check->name, check->summary);
}

std::unique_ptr<nic::CheckLab> open_lab(const Options& options)
{
    const nic::HostCheckLab& host = options.host;
    testbed::require_capabilities({"cap_sys_admin", "cap_net_admin", "cap_net_raw"},
                                  "checks change features and look at frames");
    if (host.interface.empty()) {
        if (!host.peer.empty() || !host.peer_netns.empty())
            throw core::UsageError("--peer and --peer-netns go with the interface to check: "
                                   "pagewire nic check IF --peer IF --peer-netns NAME");
        return nic::open_veth_check_lab();
    }
    if (host.peer.empty() || host.peer_netns.empty())
        throw core::UsageError(fmt::format(
            "{}: name the interface at the other end of its cable, and its network namespace: "
            "pagewire nic check {} --peer IF --peer-netns NAME",
            host.interface, host.interface));
    if (!options.allow_changes)
        throw core::UsageError(fmt::format(
            "{} and {}: checks turn their features on and off and give them addresses, for the "
            "time they run: allow it with --allow-nic-changes",
            host.interface, host.peer));
    return nic::open_host_check_lab(host);
}

std::vector<nic::CheckResult> run_chosen(nic::Rig& rig,
                                         const std::vector<const nic::Check*>& chosen)
{
    ProgressLine line;
    return nic::run_checks(rig, chosen, [&](std::size_t num_done, const nic::Check& next) {
        line.show(num_done, chosen.size(), std::string(next.name));
    });
}

int check(const Options& options)
{
    if (options.list) {
        list_checks();
        return kDone;
    }
    const std::vector<const nic::Check*> chosen = choose(options.only);
    if (!options.junit_file.empty())
        require_writable(options.junit_file);
    catch_interruptions();
    const std::unique_ptr<nic::CheckLab> lab = open_lab(options);
    testbed::LedgerSkbWatch watch;
    nic::Rig rig(lab->near(), lab->far(), interruption(), &watch);
    const std::vector<nic::CheckResult> results = run_chosen(rig, chosen);
    const CheckReport report{.near = rig.near.interface,
                             .far = rig.far.interface,
                             .is_virtual = rig.near.is_virtual(),
                             .results = results};
    fmt::print("{}", options.as_json ? check_json(report).dump(2) + "\n" : check_table(report));
    if (!options.junit_file.empty())
        write_file(options.junit_file, check_junit(report));
    return check_exit_code(report);
}

} // namespace

void add_nic_check(CLI::App& nic, int& exit_code)
{
    CLI::App* command = nic.add_subcommand(
        "check", "Offloads, tried and judged by what arrives; without IF, those of veth, on a lab "
                 "of its own");
    command->footer("Verdicts: pass; fail (with the frame that shows it); not in effect (on, but "
                    "nothing seen differs\nfrom off); skip (why). Exit codes: 0 no failure; 1 a "
                    "failure; 2 usage, or nothing could be checked.");
    auto options = std::make_shared<Options>();
    command->add_option("IF", options->host.interface, "The interface that sends")->type_name("IF");
    command->add_option("--peer", options->host.peer, "The interface at the other end of its cable")
        ->type_name("IF");
    command
        ->add_option("--peer-netns", options->host.peer_netns,
                     "The peer's network namespace: a name of ip netns, or a path")
        ->type_name("NAME");
    command->add_flag("--allow-nic-changes", options->allow_changes,
                      "Features, MTU, rings and addresses of IF and its peer may be changed; they "
                      "are put back");
    command->add_option("--only", options->only, "These checks alone")
        ->delimiter(',')
        ->type_name("CHECK,...");
    command->add_flag("--list", options->list, "What checks there are");
    command->add_flag("--json", options->as_json, "As JSON, with every observation");
    command->add_option("--junit", options->junit_file, "JUnit XML too, for a lab's CI")
        ->type_name("FILE");
    command->callback([options, &exit_code] {
        try {
            exit_code = check(*options);
        } catch (const core::UsageError&) {
            if (!interruption().load())
                throw;
            exit_code = kInterrupted; // everything is as it was found
        }
    });
}

} // namespace pagewire::cli
