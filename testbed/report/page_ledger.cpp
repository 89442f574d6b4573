// SPDX-License-Identifier: BSD-3-Clause
// The page's table of what the ledger saw.
#include "testbed/report/footnotes.hpp"
#include "testbed/report/page_sections.hpp"

#include <fmt/format.h>

#include <string>

namespace pagewire::testbed::report {

std::string ledger_section(const json& document)
{
    HtmlTable table("",
                    {"row", "crossings a turn, textbook", "crossings a turn, observed", "calls/MiB",
                     "page faults/MiB", "copies a byte, textbook", "copies a byte, observed",
                     "disk DMA a byte", "NIC DMA a byte", "textbook"});
    Footnotes footnotes;
    for (const json& row : rows_of(document)) {
        if (at(row, "/transfers").empty())
            continue;
        table.add({{.text = row_name(row, document)},
                   {.text = figure(number_at(row, "/textbook/crossings"), 0), .is_figure = true},
                   figure_cell(number_at(row, "/ledger/crossings_per_turn"), 2),
                   figure_cell(number_at(row, "/ledger/syscalls_per_mib"), 2),
                   figure_cell(number_at(row, "/ledger/page_faults_per_mib"), 1),
                   {.text = figure(number_at(row, "/textbook/cpu_copies"), 0), .is_figure = true},
                   figure_cell(number_at(row, "/ledger/cpu_copies_per_byte"), 2),
                   figure_cell(number_at(row, "/ledger/dma_disk_per_byte"), 2),
                   figure_cell(number_at(row, "/ledger/dma_nic_per_byte"), 2),
                   {.text = verdict_text(row) + footnotes.refer(texts_at(row, "/textbook/notes")),
                    .css_class = "word"}});
    }
    std::string html = heading("What the ledger saw");
    if (const std::string why = text_at(document, "/ledger/unavailable"); !why.empty())
        html += paragraph("", "Unavailable: " + why);
    html += table.take();
    if (footnotes.notes().empty())
        return html;
    html += "<ol>\n";
    for (const std::string& note : footnotes.notes())
        html += fmt::format("<li>{}</li>\n", escaped(note));
    return html + "</ol>\n";
}

} // namespace pagewire::testbed::report
