// SPDX-License-Identifier: BSD-3-Clause
// pagewire nic: what the network interfaces are, what their offloads do, and what they were.
#include "cli/commands.hpp"
#include "cli/nic_inventory.hpp"
#include "cli/nic_restore.hpp"
#include "core/error.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

namespace pagewire::cli {

namespace {

struct ShowOptions {
    std::string interface;
    bool as_json = false;
};

/// Of every interface that does not go away meanwhile.
std::vector<nic::Inventory> all_inventories(const nic::NetNamespace& here)
{
    std::vector<nic::Inventory> inventories;
    for (const std::string& name : nic::interface_names(here)) {
        try {
            inventories.push_back(nic::read_inventory(here, name));
        } catch (const core::UsageError&) { // gone since it was listed
            continue;
        }
    }
    return inventories;
}

void show(const ShowOptions& options, bool one)
{
    const auto here = nic::NetNamespace::current();
    if (one) {
        const nic::Inventory inventory = nic::read_inventory(here, options.interface);
        fmt::print("{}", options.as_json ? inventory_json(inventory).dump(2) + "\n"
                                         : inventory_text(inventory));
        return;
    }
    const std::vector<nic::Inventory> inventories = all_inventories(here);
    if (!options.as_json) {
        fmt::print("{}", inventory_lines(inventories));
        return;
    }
    nlohmann::json document = nlohmann::json::array();
    for (const nic::Inventory& inventory : inventories)
        document.push_back(inventory_json(inventory));
    fmt::print("{}\n", document.dump(2));
}

void add_show(CLI::App& nic, int& exit_code)
{
    CLI::App* command = nic.add_subcommand(
        "show", "What the kernel says of an interface; without IF, of all, a line each");
    auto options = std::make_shared<ShowOptions>();
    const CLI::Option* interface =
        command->add_option("IF", options->interface, "The interface, all of it")->type_name("IF");
    command->add_flag("--json", options->as_json, "As JSON: an object, without IF an array");
    command->callback([options, interface, &exit_code] {
        show(*options, interface->count() > 0);
        exit_code = kDone;
    });
}

} // namespace

void add_nic(CLI::App& program, int& exit_code)
{
    CLI::App* command = program.add_subcommand(
        "nic",
        "Network interfaces: what they are, what their offloads do, and back to what they were");
    command->require_subcommand(1);
    add_show(*command, exit_code);
    add_nic_check(*command, exit_code);
    add_nic_restore(*command, exit_code);
}

} // namespace pagewire::cli
