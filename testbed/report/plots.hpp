// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <nlohmann/json.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pagewire::testbed::report {

/// A plot as gnuplot draws it: figures in `csv`, whose first line names the columns, and the
/// commands in `script`, with the word @DATA@ where a script names its data. Nothing of the
/// document stands in a script: texts are data, and drawn without markup.
struct Plot {
    std::string name;        ///< of its files: "goodput"
    std::string title;       ///< for a person
    std::string description; ///< what a reader who does not see it is told
    unsigned width = 0;      ///< pixels
    unsigned height = 0;
    std::string script;
    std::string csv;
};

/// Names and titles of those that a reader looks for in every report.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kPlotsOfEveryRun{{
    {"goodput", "goodput"},
    {"cpu", "CPU time of the whole machine"},
    {"cpu-worker", "CPU time of the sending process"},
    {"copies", "CPU copies"},
    {"crossings", "crossings"},
    {"ceilings", "shares of ceilings"},
    {"drift", "samples over time"},
}};

/// Those that the document has figures for.
[[nodiscard]] std::vector<Plot> plots(const nlohmann::json& document);

/// The picture's kind, as a gnuplot terminal.
enum class PictureKind : std::uint8_t { kSvg, kPng };

/// Runs gnuplot(1) on the plot and returns the picture; leaves no file. Throws core::UsageError
/// where there is no gnuplot, core::SystemError where it fails.
[[nodiscard]] std::string draw(const Plot& plot, PictureKind kind);

/// The plot as a script of its own, to be run in the folder of NAME.csv: for papers.
[[nodiscard]] std::string script_for_file(const Plot& plot);

} // namespace pagewire::testbed::report
