// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/report/page_sections.hpp"
#include "testbed/report/report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>

namespace pagewire::testbed::report {

namespace {

std::string plots_section(std::span<const Plot> plots, std::span<const std::string> drawings)
{
    std::string html;
    for (std::size_t i = 0; i < plots.size() && i < drawings.size(); ++i) {
        html += fmt::format(
            "<figure id=\"{}\"><figcaption>{}</figcaption>\n<div class=\"scroll\" "
            "tabindex=\"0\">{}</div></figure>\n",
            escaped(plots[i].name), escaped(plots[i].title),
            svg_image(drawings[i], plots[i].description, plots[i].width, plots[i].height));
    }
    if (html.empty())
        return html;
    std::string missing;
    for (const auto& expected : kPlotsOfEveryRun) {
        if (std::none_of(plots.begin(), plots.end(),
                         [&](const Plot& plot) { return plot.name == expected.first; }))
            missing += fmt::format("{}{}", missing.empty() ? "" : "; ", expected.second);
    }
    if (!missing.empty())
        html += paragraph("soft", "Not drawn, for it was not measured: " + missing + ".");
    return heading("Plots") + html;
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
        html += fmt::format("<figure><figcaption>{}</figcaption>\n<div class=\"scroll\" "
                            "tabindex=\"0\">{}</div></figure>\n",
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

} // namespace

std::string heading(std::string_view text)
{
    return fmt::format("<h2>{}</h2>\n", escaped(text));
}

std::string paragraph(std::string_view css, std::string_view text)
{
    return fmt::format("<p{}>{}</p>\n", css.empty() ? "" : fmt::format(" class=\"{}\"", css),
                       escaped(text));
}

HtmlCell figure_cell(const std::optional<double>& value, int digits)
{
    return {.text = value ? figure(value, digits) : "not measured", .is_figure = true};
}

HtmlCell interval_cell(const json& value, const char* pointer)
{
    const auto interval = interval_at(value, pointer);
    return {.text = interval ? fmt::format("{:.2f}..{:.2f}", interval->first, interval->second)
                             : "not known",
            .is_figure = true};
}

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
    body += ceilings_section(document);
    body += plots_section(plots, drawings);
    body += ledger_section(document);
    body += paths_section(document);
    body += latency_section(document);
    body += doctor_section(document);
    body += repeat_section(document);
    return html_page(title, body + "</main>\n");
}

} // namespace pagewire::testbed::report
