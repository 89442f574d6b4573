// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/explanation.hpp"

#include "core/units.hpp"
#include "testbed/ledger/step_figure.hpp"
#include "testbed/row_ledger.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>

namespace pagewire::testbed {

namespace {

/// "1.00 copies a byte (sys_exit ...)", or why there is no figure; empty where nothing moves.
std::string seen(core::StepCost cost, const LedgerFigures& figures)
{
    const StepFigure step = step_figure(cost);
    if (step.figure == nullptr)
        return {};
    const Figure& figure = figures.*step.figure;
    return figure.value
               ? fmt::format("{:.2f} {} a byte ({})", *figure.value, step.unit, figure.evidence)
               : figure.evidence;
}

std::string figure_text(const Figure& figure)
{
    return figure.value ? fmt::format("{:.2f} ({})", *figure.value, figure.evidence)
                        : figure.evidence;
}

void explain_row(std::string& text, const Row& row)
{
    auto out = std::back_inserter(text);
    fmt::format_to(out, "{}: {}\n{} cache{}{}\n", row.method->name, row.method->summary,
                   cache_name(row.cache), row.arm.empty() ? "" : ", arm ", row.arm);
    if (row.status() != "ok") {
        fmt::format_to(out, "{}: {}\n", row.status(), row.reason());
        if (row.status() == "skipped")
            return;
    }
    const LedgerFigures figures = row_ledger(row);
    text += "\n  disk\n";
    for (const core::PathStep& step : row.method->path) {
        fmt::format_to(out, "   |  {}\n", step.how);
        if (const std::string words = seen(step.cost, figures); !words.empty())
            fmt::format_to(out, "   |    {}\n", words);
        fmt::format_to(out, "   v\n  {}\n", step.to);
    }
    fmt::format_to(out, "\n  CPU copies a byte      {}\n",
                   figure_text(figures.cpu_copies_per_byte));
    fmt::format_to(out, "  the same by fentry     {}\n",
                   figure_text(figures.cpu_copies_per_byte_fentry));
    fmt::format_to(out, "  crossings a turn       {}\n", figure_text(figures.crossings_per_turn));
    for (const auto& [name, count] : figures.syscalls)
        fmt::format_to(out, "    {:<20} {} call{}\n", name, count, count == 1 ? "" : "s");
    fmt::format_to(out, "  page faults a turn     {}\n", figure_text(figures.page_faults_per_turn));
    fmt::format_to(out, "  payload left the host  {} ({})\n", zero_copy_name(figures.observed),
                   figures.observed_evidence);
    if (const auto verdict = row_verdict(row, figures)) {
        fmt::format_to(out, "  textbook               {} crossings, {} copies, {} DMA: {}{}{}\n",
                       verdict->crossings, verdict->cpu_copies, verdict->dma,
                       !verdict->agrees   ? "undecided"
                       : *verdict->agrees ? "agrees"
                                          : "differs",
                       verdict->notes.empty() ? "" : ": ", fmt::join(verdict->notes, "; "));
    }
}

} // namespace

std::string explanation(const RunResult& result)
{
    std::string text;
    const FileFacts& file = result.files.front();
    fmt::format_to(std::back_inserter(text), "{}: {} from byte {}, {}\n", file.path,
                   core::format_bytes(file.range.length), file.range.offset, file.file_system);
    for (const Row& row : result.rows) {
        text += '\n';
        explain_row(text, row);
    }
    return text;
}

} // namespace pagewire::testbed
