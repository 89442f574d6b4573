// SPDX-License-Identifier: BSD-3-Clause
// pagewire doctor: is this machine fit to measure?
#include "testbed/doctor/doctor.hpp"
#include "cli/commands.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <string>

namespace pagewire::cli {

void add_doctor(CLI::App& program, int& exit_code)
{
    struct Options {
        std::string file;
        bool as_json = false;
    };

    CLI::App* command =
        program.add_subcommand("doctor", "Is this machine fit to measure: what is seen, why it "
                                         "matters, how to mend it");
    auto options = std::make_shared<Options>();
    const CLI::Option* file =
        command
            ->add_option("--file", options->file,
                         "The file to be sent: its direct I/O, its disk, its room in memory")
            ->type_name("FILE");
    command->add_flag("--json", options->as_json, "As JSON");
    command->callback([options, file, &exit_code] {
        if (file->count() > 0 && options->file.empty())
            throw CLI::ValidationError("--file", "a file name is needed");
        const auto findings =
            testbed::doctor::examine(testbed::doctor::this_machine(options->file));
        fmt::print("{}", options->as_json ? testbed::doctor::findings_json(findings).dump(2) + "\n"
                                          : testbed::doctor::findings_table(findings));
        exit_code = kDone; // a finding is an answer, not a failure
    });
}

} // namespace pagewire::cli
