// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/report/html.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace pagewire::testbed::report {

namespace {

// WCAG 2.2: text has a contrast of 4.5 to 1 at least in both schemes. Drawings of gnuplot are made
// on white and keep it. Tables scroll within themselves on a narrow screen, the page does not.
constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ink: #1a1a1a; --soft: #555; --paper: #fff; --line: #ccc;
  --bad: #b00020; --mark: #f4f6f8; --copy: #b34700; --dma: #00609c; }
@media (prefers-color-scheme: dark) { :root { --ink: #eaeaea; --soft: #b0b0b0; --paper: #16181b;
  --line: #444; --bad: #ff8a80; --mark: #20242a; --copy: #ffb066; --dma: #7cc4f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 78rem; padding: 1rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; break-after: avoid; border-bottom: 1px solid var(--line); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: 1rem 0; overflow-wrap: normal; }
caption { text-align: left; font-weight: bold; padding: .3rem 0; }
th, td { padding: .25rem .5rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { vertical-align: bottom; }
tbody th { font-weight: normal; white-space: nowrap; }
.figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.failed, .error { color: var(--bad); font-weight: bold; }
.words { min-width: 14rem; } td.word { white-space: nowrap; }
.soft { color: var(--soft); }
pre { overflow-x: auto; padding: .8rem; background: var(--mark); overflow-wrap: normal; }
figure { margin: 1.5rem 0; break-inside: avoid; }
figure img { max-width: 100%; min-width: 40rem; height: auto; background: #fff; padding: .3rem; border-radius: .3rem; }
figcaption { font-weight: bold; }
svg.path { max-width: 47.5rem; min-width: 40rem; width: 100%; height: auto; font: 13px system-ui, sans-serif; }
svg.path text { fill: var(--ink); } svg.path .how { fill: var(--soft); }
svg.path .cost { font-weight: bold; }
svg.path .place { fill: var(--mark); stroke: var(--soft); }
svg.path path { fill: none; stroke-width: 3; stroke: var(--soft); }
svg.path .copy { stroke: var(--copy); stroke-width: 5; }
svg.path .dma { stroke: var(--dma); stroke-dasharray: 9 5; }
svg.path .reference { stroke-dasharray: 2 4; }
svg.path .head { fill: var(--soft); stroke: none; }
@media print { p { break-after: avoid; } figure img, svg.path { min-width: 0; } :root { --ink: #000; --soft: #444; --paper: #fff; --line: #999; --mark: #f2f2f2;
  --copy: #b34700; --dma: #00609c; --bad: #b00020; } body { max-width: none; font-size: 9pt; }
  .scroll { overflow: visible; } table { font-size: 7pt; } tr, svg { break-inside: avoid; } }
)";

bool is_left_alone(char c)
{
    // RFC 3986 §2.3, unreserved; and what a data URL in double quotes may hold as it is.
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~ /:;=,()").find(c) != std::string_view::npos;
}

} // namespace

std::string escaped(std::string_view text)
{
    std::string html;
    html.reserve(text.size());
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '&')
            html += "&amp;";
        else if (c == '<')
            html += "&lt;";
        else if (c == '>')
            html += "&gt;";
        else if (c == '"')
            html += "&quot;";
        else if (c == '\'')
            html += "&#39;";
        else if ((octet < 0x20 && c != '\n' && c != '\t') || octet == 0x7f)
            html += "&#xFFFD;";
        else
            html += c;
    }
    return html;
}

HtmlTable::HtmlTable(std::string_view caption, const std::vector<std::string>& columns)
{
    html_ = "<div class=\"scroll\" tabindex=\"0\"><table>\n";
    if (!caption.empty())
        html_ += fmt::format("<caption>{}</caption>\n", escaped(caption));
    if (columns.empty()) {
        html_ += "<tbody>\n";
        return;
    }
    html_ += "<thead><tr>";
    for (const std::string& column : columns)
        html_ += fmt::format("<th scope=\"col\">{}</th>", escaped(column));
    html_ += "</tr></thead>\n<tbody>\n";
}

void HtmlTable::add(const std::vector<HtmlCell>& cells)
{
    html_ += "<tr>";
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const HtmlCell& cell = cells[i];
        const std::string css = cell.is_figure ? "figure " + cell.css_class : cell.css_class;
        fmt::format_to(std::back_inserter(html_), "<{}{}>{}</{}>",
                       i == 0 ? "th scope=\"row\"" : "td",
                       css.empty() ? "" : fmt::format(" class=\"{}\"", escaped(css)),
                       escaped(cell.text), i == 0 ? "th" : "td");
    }
    html_ += "</tr>\n";
}

std::string HtmlTable::take()
{
    return std::move(html_) + "</tbody></table></div>\n";
}

std::string html_page(std::string_view title, std::string_view body)
{
    return fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "img-src data:; style-src 'unsafe-inline'\">\n"
        "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
        escaped(title), kStyle, body);
}

std::string svg_image(std::string_view svg, std::string_view alternative, unsigned width,
                      unsigned height)
{
    std::string url = "data:image/svg+xml;charset=utf-8,";
    for (const char c : svg) {
        if (is_left_alone(c))
            url += c;
        else
            fmt::format_to(std::back_inserter(url), "%{:02X}", static_cast<unsigned char>(c));
    }
    return fmt::format("<img src=\"{}\" alt=\"{}\" width=\"{}\" height=\"{}\">\n", url,
                       escaped(alternative), width, height);
}

} // namespace pagewire::testbed::report
