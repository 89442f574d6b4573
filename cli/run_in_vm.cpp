// SPDX-License-Identifier: BSD-3-Clause
#include "cli/run_in_vm.hpp"

#include "cli/commands.hpp"
#include "cli/interruption.hpp"
#include "cli/vm_end.hpp"
#include "core/error.hpp"
#include "core/units.hpp"
#include "testbed/child_process.hpp"
#include "testbed/vm/lab.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::cli {

namespace fs = std::filesystem;

namespace {

/// Of the whole run: each transfer has its own limit, which holds inside.
constexpr std::chrono::seconds kTimeLimit{3600};

/// A file that the guest's disk of 1 GiB holds beside its file system's own.
constexpr std::uint64_t kFileBytesMax = 512 * core::kMiB;

bool is_json_file(const RunWords& words)
{
    return !words.json_file.empty() && words.json_file != "-";
}

/// The folder outside for what the run writes; empty: it writes nothing.
std::string results_folder(const RunWords& words)
{
    if (!is_json_file(words))
        return words.out_folder;
    const fs::path folder = fs::absolute(words.json_file).lexically_normal().parent_path();
    if (!words.out_folder.empty() &&
        fs::absolute(fs::path(words.out_folder) / "").lexically_normal() != folder / "")
        throw core::UsageError("the vm lab has one folder for results: name a file of --out's "
                               "folder with --json, or leave one of the two away");
    return folder.string();
}

/// This process's arguments, with what it writes in the guest's folder of results, and without what
/// is the guest's own.
std::vector<std::string> arguments_inside(const RunWords& words)
{
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    std::vector<std::string> arguments;
    std::string word;
    std::getline(file, word, '\0'); // the program
    const auto is_left_out = [](std::string_view option) {
        return option == "--out" || option == "--json" || option == "--kernel";
    };
    while (std::getline(file, word, '\0')) {
        if (is_left_out(word))
            std::getline(file, word, '\0');
        else if (!is_left_out(word.substr(0, word.find('='))))
            arguments.push_back(word);
    }
    const fs::path folder = testbed::vm::kGuestResults;
    if (!words.out_folder.empty())
        arguments.push_back(fmt::format("--out={}", folder.string()));
    if (is_json_file(words))
        arguments.push_back(
            fmt::format("--json={}", (folder / fs::path(words.json_file).filename()).string()));
    else if (!words.json_file.empty())
        arguments.push_back("--json=" + words.json_file);
    return arguments;
}

} // namespace

int run_in_vm(const RunWords& words, const testbed::Plan& plan)
{
    if (words.pause)
        throw core::UsageError("--pause: the vm lab's guest has no terminal to ask at: pagewire vm "
                               "--shell, and in it pagewire run --lab vm --pause");
    if (plan.generated_bytes > kFileBytesMax) {
        throw core::UsageError(fmt::format("file.size: the vm lab's disk holds {}: ask for less",
                                           core::format_bytes(kFileBytesMax)));
    }
    const std::string results = results_folder(words);
    std::vector<std::string> command = arguments_inside(words);
    command.insert(command.begin(), fs::canonical(testbed::ChildProcess::executable()).string());
    catch_interruptions();
    const testbed::vm::GuestEnd end = testbed::vm::run_in_vm(
        {.command = command,
         .kernel = words.kernel.value_or("newest"),
         .time_limit = kTimeLimit,
         .results = results,
         .file_bytes = plan.generated_bytes,
         .note = [](const std::string& what) { fmt::print(stderr, "pagewire: vm: {}\n", what); },
         .output = [](testbed::vm::GuestStream stream,
                      std::string_view text) { pass_on(stream, text, false); },
         .interrupted = &interruption()});
    return vm_exit_code(end, kTimeLimit);
}

} // namespace pagewire::cli
