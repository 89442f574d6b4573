// SPDX-License-Identifier: BSD-3-Clause
// pagewire compare: two result documents, and whether the second is worse.
#include "testbed/compare/compare.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "core/error.hpp"
#include "testbed/document.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <string>

namespace pagewire::cli {

namespace {

struct Options {
    std::string before;
    std::string after;
    double threshold_percent = 10;
    bool as_json = false;
    std::string html;
};

int compare(const Options& options)
{
    if (!options.html.empty()) {
        require_other_file(options.html, options.before);
        require_other_file(options.html, options.after);
        require_writable(options.html);
    }
    const nlohmann::json before = testbed::read_document(options.before);
    const nlohmann::json after = testbed::read_document(options.after);
    const testbed::Comparison comparison =
        testbed::compare_documents(before, after, {.threshold = options.threshold_percent / 100});
    if (!options.html.empty())
        write_file(options.html,
                   testbed::comparison_page(comparison, options.before, options.after));
    fmt::print("{}", options.as_json ? testbed::comparison_json(comparison).dump(2) + "\n"
                                     : testbed::comparison_table(comparison));
    return comparison.has_regression() ? kFoundWrong : kDone;
}

} // namespace

void add_compare(CLI::App& program, int& exit_code)
{
    CLI::App* command = program.add_subcommand(
        "compare", "Two runs of one plan, row by row: is the second one worse?");
    command->footer(
        "A regression is a row that failed or is missing, more copies, crossings or disk DMA, a "
        "payload that is\nnot zero-copy any more, or goodput that is lower by more than the "
        "threshold, surely. Exit codes:\n0 no regression; 1 a regression; 2 usage.");
    auto options = std::make_shared<Options>();
    command->add_option("before", options->before, "Result document")
        ->required()
        ->type_name("A.json");
    command->add_option("after", options->after, "Result document")
        ->required()
        ->type_name("B.json");
    command
        ->add_option("--threshold", options->threshold_percent,
                     "Goodput lower by less than this is no regression; default 10")
        ->check(CLI::Validator(
            [](const std::string& word) {
                double percent = -1;
                const bool is_number = CLI::detail::lexical_cast(word, percent);
                // Written so that a NaN, which compares with nothing, is refused.
                return is_number && percent >= 0 && percent <= 99
                           ? std::string()
                           : word + " is not possible: write 0 to 99";
            },
            ""))
        ->type_name("PERCENT");
    command->add_flag("--json", options->as_json, "As JSON");
    command->add_option("--html", options->html, "Write it as one self-contained page too")
        ->check(names_a_file())
        ->type_name("FILE");
    command->callback([options, &exit_code] { exit_code = compare(*options); });
}

} // namespace pagewire::cli
