// SPDX-License-Identifier: BSD-3-Clause
// The page's tables of rows: ranked, against the baseline, what held them up, latency.
#include "testbed/report/page_sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace pagewire::testbed::report {

namespace {

std::vector<const json*> ranked(const json& document, const std::string& wire)
{
    std::vector<const json*> rows;
    for (const json& row : rows_of(document)) {
        if (text_at(row, "/wire") == wire)
            rows.push_back(&row);
    }
    std::stable_sort(rows.begin(), rows.end(), [](const json* a, const json* b) {
        return number_at(*a, "/goodput_gbps/median").value_or(-1) >
               number_at(*b, "/goodput_gbps/median").value_or(-1);
    });
    return rows;
}

HtmlCell status_cell(const json& row)
{
    const std::string status = text_at(row, "/status");
    const std::string reason = text_at(row, "/reason");
    if (reason.empty())
        return {.text = status, .css_class = status};
    return {.text = status + ": " + reason, .css_class = "words " + status};
}

void add_ranked_row(HtmlTable& table, const json& row, const json& document)
{
    table.add({{.text = row_name(row, document)},
               figure_cell(number_at(row, "/goodput_gbps/median"), 2),
               interval_cell(row, "/goodput_gbps/ci95"),
               figure_cell(number_at(row, "/cpu_s_per_gib/worker"), 3),
               figure_cell(number_at(row, "/cpu_s_per_gib/system"), 3),
               figure_cell(number_at(row, "/ledger/cpu_copies_per_byte"), 2),
               {.text = text_at(row, "/zero_copy/observed"), .css_class = "word"},
               {.text = verdict_text(row)},
               {.text = share_text(row), .is_figure = true},
               status_cell(row)});
}

std::string wire_section(const json& document, const std::string& wire)
{
    const std::vector<const json*> rows = ranked(document, wire);
    if (rows.empty())
        return {};
    std::string name = wire;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    HtmlTable table(fmt::format("Over {}, by the median of goodput", name),
                    {"row", "Gb/s, median", "95 % interval", "CPU s/GiB, worker",
                     "CPU s/GiB, machine", "CPU copies a byte", "payload left", "textbook",
                     "share of ceiling", "status"});
    for (const json* row : rows)
        add_ranked_row(table, *row, document);
    return table.take();
}

} // namespace

std::string rows_section(const json& document)
{
    std::set<std::string> wires;
    for (const json& row : rows_of(document))
        wires.insert(text_at(row, "/wire"));
    std::string html = heading("What it cost");
    if (flag_at(document, "/interrupted"))
        html += paragraph("error", "Interrupted: this is what was measured until then.");
    for (const std::string& wire : wires)
        html += wire_section(document, wire);
    if (wires.size() > 1)
        html += paragraph("soft", "TCP and UDP rows are ranked apart: what TCP does for its reader "
                                  "the datagrams do not.");
    return html;
}

std::string bottleneck_section(const json& document)
{
    HtmlTable table("", {"row", "limit", "seen"});
    bool any = false;
    for (const json& row : rows_of(document)) {
        const std::string sentence = text_at(row, "/bottleneck/sentence");
        if (sentence.empty())
            continue;
        any = true;
        table.add({{.text = row_name(row, document)},
                   {.text = text_at(row, "/bottleneck/limit")},
                   {.text = sentence, .css_class = "words"}});
    }
    return any ? heading("What held it up") + table.take() : "";
}

std::string baseline_section(const json& document)
{
    HtmlTable table(
        "", {"row", "goodput / baseline's", "95 % interval", "verdict", "baseline's arm", "wire"});
    bool any = false;
    for (const json& row : rows_of(document)) {
        const json& ratio = at(row, "/baseline_ratio");
        if (!ratio.is_object())
            continue;
        any = true;
        const std::string wire = text_at(ratio, "/wire");
        table.add({{.text = row_name(row, document)},
                   figure_cell(number_at(ratio, "/median"), 2),
                   interval_cell(ratio, "/ci95"),
                   {.text = text_at(ratio, "/difference")},
                   {.text = text_at(ratio, "/arm")},
                   {.text = wire == text_at(row, "/wire") ? "the same" : "another: " + wire}});
    }
    if (!any)
        return {};
    return heading("Against " + text_at(document, "/plan/baseline")) +
           paragraph("", "In pairs of the same round; 1 inside of the interval is no significant "
                         "difference.") +
           table.take();
}

std::string latency_section(const json& document)
{
    const json& rows = at(document, "/latency");
    if (!rows.is_array() || rows.empty())
        return {};
    HtmlTable table("", {"row", "file", "outstanding", "requests/s", "p50 us", "p90 us", "p99 us",
                         "p99.9 us", "max us", "status"});
    for (const json& row : rows) {
        table.add({{.text = row_name(row, document)},
                   {.text = bytes_at(row, "/file_bytes"), .is_figure = true},
                   figure_cell(number_at(row, "/outstanding"), 0),
                   figure_cell(number_at(row, "/requests_per_s"), 0),
                   figure_cell(number_at(row, "/latency_us/p50"), 1),
                   figure_cell(number_at(row, "/latency_us/p90"), 1),
                   figure_cell(number_at(row, "/latency_us/p99"), 1),
                   figure_cell(number_at(row, "/latency_us/p99_9"), 1),
                   figure_cell(number_at(row, "/latency_us/max"), 1),
                   status_cell(row)});
    }
    return heading("Latency of small files") + table.take();
}

} // namespace pagewire::testbed::report
