// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/report/report.hpp"

#include "testbed/report/fields.hpp"
#include "testbed/report/html.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace pagewire::testbed::report {

namespace {

std::string interval_text(const json& value, const char* pointer)
{
    const auto interval = interval_at(value, pointer);
    return interval ? fmt::format("{:.2f}..{:.2f}", interval->first, interval->second)
                    : "not known";
}

std::string measured(const std::optional<double>& value, int digits)
{
    return value ? figure(value, digits) : "not measured";
}

HtmlCell number(const std::optional<double>& value, int digits)
{
    return {.text = measured(value, digits), .is_figure = true};
}

std::string paragraph(std::string_view css, std::string_view text)
{
    return fmt::format("<p{}>{}</p>\n", css.empty() ? "" : fmt::format(" class=\"{}\"", css),
                       escaped(text));
}

std::string heading(std::string_view text)
{
    return fmt::format("<h2>{}</h2>\n", escaped(text));
}

// What was run, and where.

std::string machine_section(const json& document)
{
    const json& host = at(document, "/host");
    const json& lab = at(document, "/lab");
    const json& file = at(document, "/plan/file");
    HtmlTable table("", {"", ""});
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty())
            table.add({{.text = name}, {.text = value}});
    };
    add("started", text_at(document, "/started_at"));
    add("pagewire", text_at(document, "/tool/version"));
    add("kernel", text_at(host, "/kernel"));
    add("distribution", text_at(host, "/distribution"));
    add("processor", fmt::format("{}, {} CPUs", text_at(host, "/processor"),
                                 figure(number_at(host, "/num_cpus"), 0)));
    add("memory", bytes_at(host, "/memory_bytes"));
    add("file", fmt::format("{}, {}, {}", text_at(file, "/path"), bytes_at(file, "/length"),
                            text_at(file, "/file_system")));
    add("content", text_at(file, "/digest"));
    add("link",
        fmt::format("{} lab, {} ({}), MTU {}{}", text_at(lab, "/kind"), text_at(lab, "/interface"),
                    text_at(lab, "/driver"), figure(number_at(lab, "/mtu"), 0),
                    flag_at(lab, "/emulated") ? ", emulated: a software device has no DMA" : ""));
    add("rounds", fmt::format("{}, after {} of warm-up, interleaved in random order, seed {}",
                              figure(number_at(document, "/rounds/measured"), 0),
                              figure(number_at(document, "/rounds/warmup"), 0),
                              figure(number_at(document, "/plan/seed"), 0)));
    return heading("What was run") + table.take();
}

std::string doctor_section(const json& document)
{
    const json& findings = at(document, "/doctor");
    std::size_t num_ok = 0;
    HtmlTable table("", {"finding", "seen", "why it matters", "what to do"});
    for (const json& finding : findings) {
        const std::string severity = text_at(finding, "/severity");
        if (severity == "ok") {
            ++num_ok;
            continue;
        }
        table.add({{.text = text_at(finding, "/id") + ": " + severity,
                    .css_class = severity == "error" ? "error" : ""},
                   {.text = text_at(finding, "/seen"), .css_class = "words"},
                   {.text = text_at(finding, "/why"), .css_class = "words"},
                   {.text = text_at(finding, "/fix"), .css_class = "words"}});
    }
    return heading("Is the machine fit to measure?") +
           paragraph("", fmt::format("{} of {} findings are in order; the others:", num_ok,
                                     findings.size())) +
           table.take();
}

// The ranked table.

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

std::string status_words(const json& row)
{
    const std::string reason = text_at(row, "/reason");
    return text_at(row, "/status") + (reason.empty() ? "" : ": " + reason);
}

void add_ranked_row(HtmlTable& table, const json& row, const json& document)
{
    const std::string status = text_at(row, "/status");
    table.add({{.text = row_name(row, document)},
               number(number_at(row, "/goodput_gbps/median"), 2),
               {.text = interval_text(row, "/goodput_gbps/ci95"), .is_figure = true},
               number(number_at(row, "/cpu_s_per_gib/worker"), 3),
               number(number_at(row, "/cpu_s_per_gib/system"), 3),
               number(number_at(row, "/ledger/cpu_copies_per_byte"), 2),
               {.text = text_at(row, "/zero_copy/observed")},
               {.text = verdict_text(row)},
               {.text = share_text(row), .is_figure = true},
               {.text = status_words(row), .css_class = status}});
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
                   {.text = sentence}});
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
                   number(number_at(ratio, "/median"), 2),
                   {.text = interval_text(ratio, "/ci95"), .is_figure = true},
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

std::string ledger_section(const json& document)
{
    HtmlTable table("", {"row", "crossings a turn, textbook", "observed", "calls/MiB",
                         "page faults/MiB", "copies a byte, textbook", "observed",
                         "disk DMA a byte", "NIC DMA a byte", "textbook"});
    for (const json& row : rows_of(document)) {
        if (at(row, "/transfers").empty())
            continue;
        const std::vector<std::string> notes = texts_at(row, "/textbook/notes");
        table.add({{.text = row_name(row, document)},
                   {.text = figure(number_at(row, "/textbook/crossings"), 0), .is_figure = true},
                   number(number_at(row, "/ledger/crossings_per_turn"), 2),
                   number(number_at(row, "/ledger/syscalls_per_mib"), 2),
                   number(number_at(row, "/ledger/page_faults_per_mib"), 1),
                   {.text = figure(number_at(row, "/textbook/cpu_copies"), 0), .is_figure = true},
                   number(number_at(row, "/ledger/cpu_copies_per_byte"), 2),
                   number(number_at(row, "/ledger/dma_disk_per_byte"), 2),
                   number(number_at(row, "/ledger/dma_nic_per_byte"), 2),
                   {.text = verdict_text(row) +
                            (notes.empty() ? "" : fmt::format(": {}", fmt::join(notes, "; "))),
                    .css_class = "words"}});
    }
    std::string html = heading("What the ledger saw");
    if (const std::string why = text_at(document, "/ledger/unavailable"); !why.empty())
        html += paragraph("", "Unavailable: " + why);
    return html + table.take();
}

std::string latency_section(const json& document)
{
    const json& rows = at(document, "/latency");
    if (!rows.is_array() || rows.empty())
        return {};
    HtmlTable table("", {"row", "file", "outstanding", "requests/s", "p50 us", "p90 us", "p99 us",
                         "p99.9 us", "max us", "status"});
    for (const json& row : rows) {
        table.add({{.text = text_at(row, "/method") + ' ' + text_at(row, "/cache")},
                   {.text = bytes_at(row, "/file_bytes")},
                   number(number_at(row, "/outstanding"), 0),
                   number(number_at(row, "/requests_per_s"), 0),
                   number(number_at(row, "/latency_us/p50"), 1),
                   number(number_at(row, "/latency_us/p90"), 1),
                   number(number_at(row, "/latency_us/p99"), 1),
                   number(number_at(row, "/latency_us/p99_9"), 1),
                   number(number_at(row, "/latency_us/max"), 1),
                   {.text = status_words(row), .css_class = text_at(row, "/status")}});
    }
    return heading("Latency of small files") + table.take();
}

std::string plots_section(std::span<const Plot> plots, std::span<const std::string> drawings)
{
    std::string html;
    for (std::size_t i = 0; i < plots.size() && i < drawings.size(); ++i) {
        html += fmt::format(
            "<figure id=\"{}\"><figcaption>{}</figcaption>\n{}</figure>\n", escaped(plots[i].name),
            escaped(plots[i].title),
            svg_image(drawings[i], plots[i].description, plots[i].width, plots[i].height));
    }
    return html.empty() ? html : heading("Plots") + html;
}

/// One drawing for each method: of its first row that was measured.
std::string paths_section(const json& document)
{
    std::set<std::string> drawn;
    std::string html;
    for (const json& row : rows_of(document)) {
        const std::string method = text_at(row, "/method");
        if (drawn.contains(method) || at(row, "/transfers").empty())
            continue;
        const std::string svg = data_path_svg(row, document);
        if (svg.empty())
            continue;
        drawn.insert(method);
        html += fmt::format("<figure><figcaption>{}</figcaption>\n{}</figure>\n",
                            escaped(row_name(row, document)), svg);
    }
    if (html.empty())
        return html;
    return heading("The way of a byte") +
           paragraph("soft", "Full arrows: the CPU copies. Dashed: a device's DMA. Dotted: nothing "
                             "moves, or nothing was seen to move. The figures are this run's, each "
                             "of the method's first row.") +
           html;
}

std::string repeat_section(const json& document)
{
    const std::string command = text_at(document, "/command");
    const std::string plan = text_at(document, "/plan_toml");
    if (command.empty() && plan.empty())
        return {};
    std::string html = heading("To repeat it");
    if (!command.empty())
        html += fmt::format("<pre>{}</pre>\n", escaped(command));
    if (!plan.empty())
        html += fmt::format("<details><summary>The plan, with its defaults</summary><pre>{}</pre>"
                            "</details>\n",
                            escaped(plan));
    return html;
}

} // namespace

std::string page(const json& document, std::span<const Plot> plots,
                 std::span<const std::string> drawings)
{
    const std::string title =
        fmt::format("pagewire: {}", fmt::join(texts_at(document, "/plan/methods"), ", "));
    std::string body = fmt::format("<main>\n<h1>{}</h1>\n", escaped(title));
    body += machine_section(document);
    body += rows_section(document);
    body += baseline_section(document);
    body += bottleneck_section(document);
    body += plots_section(plots, drawings);
    body += ledger_section(document);
    body += paths_section(document);
    body += latency_section(document);
    body += doctor_section(document);
    body += repeat_section(document);
    return html_page(title, body + "</main>\n");
}

} // namespace pagewire::testbed::report
