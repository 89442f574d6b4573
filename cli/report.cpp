// SPDX-License-Identifier: BSD-3-Clause
// pagewire report: a result document as a table, a page, a spreadsheet, plots.
#include "testbed/report/report.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/terminal.hpp"
#include "core/error.hpp"
#include "testbed/document.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace pagewire::cli {

namespace {

namespace report = testbed::report;

struct Options {
    std::string document;
    std::string html;
    std::string csv;
    std::string plots;
};

/// Before anything is drawn. No output may take the document's place, nor another's.
void require_places(const Options& options)
{
    for (const std::string& file : {options.html, options.csv}) {
        if (!file.empty())
            require_other_file(file, options.document);
    }
    if (!options.html.empty() && !options.csv.empty() && is_same_file(options.html, options.csv))
        throw core::UsageError(
            fmt::format("{}: --html and --csv name one file: name two", options.html));
    for (const std::string& file : {options.html, options.csv}) {
        if (!file.empty())
            require_writable(file);
    }
    if (!options.plots.empty())
        make_writable_folder(options.plots);
}

std::vector<std::string> draw_all(const std::vector<report::Plot>& plots, report::PictureKind kind)
{
    std::vector<std::string> pictures;
    pictures.reserve(plots.size());
    for (const report::Plot& plot : plots)
        pictures.push_back(report::draw(plot, kind));
    return pictures;
}

void write_plots(const std::string& folder, const std::vector<report::Plot>& plots,
                 const std::vector<std::string>& svgs)
{
    const std::vector<std::string> pngs = draw_all(plots, report::PictureKind::kPng);
    for (std::size_t i = 0; i < plots.size(); ++i) {
        const std::string stem = folder + "/" + plots[i].name;
        write_file(stem + ".svg", svgs[i]);
        write_file(stem + ".png", pngs[i]);
        write_file(stem + ".csv", plots[i].csv);
        write_file(stem + ".gp", report::script_for_file(plots[i]));
    }
}

int make_report(const Options& options)
{
    const nlohmann::json document = testbed::read_document(options.document);
    require_places(options);
    if (options.html.empty() && options.csv.empty() && options.plots.empty()) {
        fmt::print("{}", report::table(document, {.colour = wants_colour()}));
        return kDone;
    }
    std::vector<report::Plot> plots;
    std::vector<std::string> svgs;
    if (!options.html.empty() || !options.plots.empty()) { // drawn before anything is written
        plots = report::plots(document);
        svgs = draw_all(plots, report::PictureKind::kSvg);
    }
    if (!options.csv.empty())
        write_file(options.csv, report::csv(document));
    if (!options.plots.empty())
        write_plots(options.plots, plots, svgs);
    if (!options.html.empty())
        write_file(options.html, report::page(document, plots, svgs));
    return kDone;
}

} // namespace

void add_report(CLI::App& program, int& exit_code)
{
    CLI::App* command = program.add_subcommand(
        "report", "A run's result document as a table, a page, a spreadsheet, plots");
    command->footer(
        "Without options: the table, as pagewire run prints it. Everything is made from "
        "the document alone,\non any machine. --html and --plots need gnuplot (Debian: "
        "gnuplot-nox).");
    auto options = std::make_shared<Options>();
    command->add_option("document", options->document, "Result document of pagewire run")
        ->required()
        ->type_name("RESULT.json");
    command
        ->add_option("--html", options->html,
                     "Write one self-contained page: tables, plots, the way of a byte by each "
                     "method, the command to repeat it")
        ->check(names_a_file())
        ->type_name("FILE");
    command->add_option("--csv", options->csv, "Write a line for each row, with all its figures")
        ->check(names_a_file())
        ->type_name("FILE");
    command
        ->add_option("--plots", options->plots,
                     "Write each plot there as .svg, .png, .csv and .gp, for papers")
        ->check(is_named())
        ->type_name("DIR");
    command->callback([options, &exit_code] { exit_code = make_report(*options); });
}

} // namespace pagewire::cli
