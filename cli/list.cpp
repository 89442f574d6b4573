// SPDX-License-Identifier: BSD-3-Clause
// pagewire list: every method, engine and receiver, and whether it can run here.
#include "cli/commands.hpp"
#include "testbed/registry.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>

namespace pagewire::cli {

namespace {

nlohmann::json method_json(const core::Method& method)
{
    const core::Support support = method.probe();
    nlohmann::json needs = nlohmann::json::object();
    for (const core::FeatureNeed& need : method.needs)
        needs[std::string(need.feature)] = need.on;
    return {{"name", method.name},
            {"family", core::family_name(method.family)},
            {"wire", core::wire_name(method.wire)},
            {"summary", method.summary},
            {"needs_features", needs},
            {"needs_direct_io", method.needs_direct_io},
            {"ceiling", method.is_ceiling},
            {"built", true},
            {"available", static_cast<bool>(support)},
            {"reason", support ? nlohmann::json(nullptr) : nlohmann::json(support.reason())}};
}

nlohmann::json receiver_json(const core::Receiver& receiver)
{
    const core::Support support = receiver.probe();
    return {{"name", receiver.name},
            {"family", "receiver"},
            {"wire", core::wire_name(receiver.wire)},
            {"summary", receiver.summary},
            {"built", true},
            {"available", static_cast<bool>(support)},
            {"reason", support ? nlohmann::json(nullptr) : nlohmann::json(support.reason())}};
}

nlohmann::json not_built_json(const testbed::NotBuilt& missing)
{
    return {
        {"name", missing.name}, {"built", false}, {"available", false}, {"reason", missing.reason}};
}

void print_lines(const nlohmann::json& entries)
{
    constexpr const char* line = "{:<15} {:<11} {:<5} {}\n";
    for (const auto& entry : entries) {
        if (!entry.at("built").get<bool>()) {
            fmt::print(line, entry.at("name").get<std::string>(), "-", "-",
                       fmt::format("not built: {}", entry.at("reason").get<std::string>()));
            continue;
        }
        fmt::print(line, entry.at("name").get<std::string>(), entry.at("family").get<std::string>(),
                   entry.at("wire").get<std::string>(),
                   entry.at("available").get<bool>()
                       ? fmt::format("available: {}", entry.at("summary").get<std::string>())
                       : fmt::format("unavailable: {}", entry.at("reason").get<std::string>()));
    }
}

void list(bool as_json)
{
    nlohmann::json methods = nlohmann::json::array();
    for (const core::Method* method : testbed::methods())
        methods.push_back(method_json(*method));
    for (const testbed::NotBuilt& missing : testbed::not_built())
        methods.push_back(not_built_json(missing));
    nlohmann::json receivers = nlohmann::json::array();
    for (const core::Receiver* receiver : testbed::receivers())
        receivers.push_back(receiver_json(*receiver));
    for (const testbed::NotBuilt& missing : testbed::receivers_not_built())
        receivers.push_back(not_built_json(missing));
    if (as_json) {
        fmt::print("{}\n", nlohmann::json{{"methods", methods}, {"receivers", receivers}}.dump(2));
        return;
    }
    fmt::print("{:<15} {:<11} {:<5}\n", "name", "family", "wire");
    print_lines(methods);
    print_lines(receivers);
}

} // namespace

void add_list(CLI::App& program, int& exit_code)
{
    CLI::App* command = program.add_subcommand(
        "list", "Every method, engine and receiver: available, or the reason why not");
    auto as_json = std::make_shared<bool>(false);
    command->add_flag("--json", *as_json, "As JSON");
    command->callback([as_json, &exit_code] {
        list(*as_json);
        exit_code = kDone;
    });
}

} // namespace pagewire::cli
