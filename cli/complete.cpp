// SPDX-License-Identifier: BSD-3-Clause
// pagewire complete: what the shell asks at the Tab key (cli/completion.bash).
#include "cli/commands.hpp"
#include "cli/completion.hpp"
#include "nic/checks/check.hpp"
#include "nic/inventory.hpp"
#include "nic/net_namespace.hpp"
#include "testbed/plan_folder.hpp"
#include "testbed/registry.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace pagewire::cli {

namespace {

std::vector<std::string> method_names()
{
    std::vector<std::string> names;
    for (const core::Method* method : testbed::methods())
        names.emplace_back(method->name);
    return names;
}

std::vector<std::string> check_names()
{
    std::vector<std::string> names;
    for (const nic::Check* check : nic::checks())
        names.emplace_back(check->name);
    return names;
}

std::vector<ValueNames> value_names()
{
    return {{"METHOD", method_names},
            {"CHECK", check_names},
            {"IF", [] { return nic::interface_names(nic::NetNamespace::current()); }},
            {"PLAN.toml", [] { return testbed::shipped_plans(testbed::plan_folder()); }}};
}

} // namespace

int print_completions(const CLI::App& program, const std::vector<std::string>& words)
{
    for (const std::string& line : complete(program, value_names(), words))
        fmt::print("{}\n", line);
    return kDone;
}

} // namespace pagewire::cli
