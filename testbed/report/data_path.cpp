// SPDX-License-Identifier: BSD-3-Clause
// The way of a byte as a drawing: boxes where it lies, arrows of what moves it.
#include "testbed/report/fields.hpp"
#include "testbed/report/html.hpp"
#include "testbed/report/report.hpp"
#include "testbed/report/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

namespace pagewire::testbed::report {

namespace {

constexpr unsigned kWidth = 760;
constexpr unsigned kBoxWidth = 210;
constexpr unsigned kBoxHeight = 34;
constexpr unsigned kLineHeight = 17;
constexpr unsigned kArrowX = kBoxWidth / 2;
constexpr unsigned kTextX = kArrowX + 26;
constexpr std::size_t kLineLength = 84; // characters that surely fit beside an arrow

/// As much of a place's name as its box has room for.
std::string first_line(const std::string& name)
{
    const std::vector<std::string> lines = wrapped(name, 30);
    return lines.empty() ? "" : lines.front();
}

/// How often the way is interrupted: no arrow's own, for the ledger counts calls of a whole turn.
void append_crossings(std::string& svg, const json& row)
{
    const auto seen = number_at(row, "/ledger/crossings_per_turn");
    const auto book = number_at(row, "/textbook/crossings");
    const auto calls = number_at(row, "/ledger/syscalls_per_mib");
    const auto faults = number_at(row, "/ledger/page_faults_per_mib");
    fmt::format_to(std::back_inserter(svg),
                   "<text class=\"cost\" x=\"{0}\" y=\"14\">{1}{2}</text>\n"
                   "<text class=\"how\" x=\"{0}\" y=\"31\">{3}</text>\n",
                   kBoxWidth + 20,
                   seen ? fmt::format("{:.2f} crossings a turn of the loop", *seen)
                        : "crossings: not measured",
                   book ? fmt::format(", textbook {:.0f}", *book) : "",
                   calls && faults ? fmt::format("{:.2f} system calls and {:.2f} page faults a MiB",
                                                 *calls, *faults)
                                   : "");
}

void append_box(std::string& svg, unsigned y, const std::string& name)
{
    fmt::format_to(std::back_inserter(svg),
                   "<rect class=\"place\" x=\"1\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\"/>"
                   "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                   y, kBoxWidth, kBoxHeight, kArrowX, y + 22, escaped(first_line(name)));
}

/// What the step was seen to cost: "2.00 copies a byte", "0.98 DMA a byte"; empty for one that
/// moves nothing.
std::string cost_text(const json& step, const json& row, const json& document)
{
    const std::string name = text_at(step, "/figure");
    if (name.empty() || name.find_first_of("/~") != std::string::npos)
        return {};
    const std::string unit = text_at(step, "/unit");
    const auto value = number_at(row, ("/ledger/" + name).c_str());
    const bool emulated = name == "dma_nic_per_byte" && flag_at(document, "/lab/emulated");
    return (value ? fmt::format("{:.2f} {} a byte", *value, unit) : unit + ": not measured") +
           (emulated ? flag_at(document, "/lab/virtual_hardware") ? ", emulated"
                                                                  : ", emulated: a software device"
                     : "");
}

/// How the arrow looks: the CPU's work is drawn full, a device's dashed, a mere reference dotted.
const char* arrow_class(const json& step, const json& row)
{
    const std::string name = text_at(step, "/figure");
    const bool moves = !name.empty() && name.find_first_of("/~") == std::string::npos &&
                       number_at(row, ("/ledger/" + name).c_str()).value_or(0) > 0.005;
    if (!moves)
        return "reference";
    return text_at(step, "/unit") == "DMA" ? "dma" : "copy";
}

/// Returns the y below it.
unsigned append_step(std::string& svg, unsigned y, const json& step, const json& row,
                     const json& document)
{
    auto out = std::back_inserter(svg);
    const std::vector<std::string> how = wrapped(text_at(step, "/how"), kLineLength);
    const std::string cost = cost_text(step, row, document);
    const auto num_lines = static_cast<unsigned>(how.size() + (cost.empty() ? 0 : 1));
    const unsigned height = std::max(num_lines, 1U) * kLineHeight + 16;
    fmt::format_to(out,
                   "<path class=\"{}\" d=\"M{} {} V{}\"/><path class=\"head\" d=\"M{} {} l-6 -10 "
                   "h12 z\"/>\n",
                   arrow_class(step, row), kArrowX, y, y + height - 8, kArrowX, y + height);
    unsigned line_y = y + 18;
    if (!cost.empty()) {
        fmt::format_to(out, "<text class=\"cost\" x=\"{}\" y=\"{}\">{}</text>\n", kTextX, line_y,
                       escaped(cost));
        line_y += kLineHeight;
    }
    for (const std::string& line : how) {
        fmt::format_to(out, "<text class=\"how\" x=\"{}\" y=\"{}\">{}</text>\n", kTextX, line_y,
                       escaped(line));
        line_y += kLineHeight;
    }
    append_box(svg, y + height, text_at(step, "/to"));
    return y + height + kBoxHeight;
}

} // namespace

std::string data_path_svg(const json& row, const json& document)
{
    const json& methods = at(document, "/methods");
    const std::string method = text_at(row, "/method");
    if (!methods.is_object() || !methods.contains(method))
        return {};
    const json& path = at(methods.at(method), "/path");
    if (!path.is_array() || path.empty())
        return {};
    std::string body;
    append_box(body, 1, "disk");
    append_crossings(body, row);
    unsigned y = 1 + kBoxHeight;
    std::string description = "disk";
    for (const json& step : path) {
        y = append_step(body, y, step, row, document);
        const std::string cost = cost_text(step, row, document);
        description +=
            fmt::format(" to {}{}{}", text_at(step, "/to"), cost.empty() ? "" : ": ", cost);
    }
    return fmt::format("<svg class=\"path\" viewBox=\"0 0 {} {}\" role=\"img\" "
                       "xmlns=\"http://www.w3.org/2000/svg\"><title>{}</title><desc>{}</desc>\n{}"
                       "</svg>\n",
                       kWidth, y + 2, escaped("The way of a byte by " + row_name(row, document)),
                       escaped(description), body);
}

} // namespace pagewire::testbed::report
