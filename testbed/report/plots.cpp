// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/report/plots.hpp"

#include "testbed/report/csv.hpp"
#include "testbed/report/fields.hpp"
#include "testbed/report/plot_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace pagewire::testbed::report {

namespace {

constexpr std::size_t kLongestLabel = 56;

/// Of horizontal bars, the first row on top.
struct Bars {
    CsvWriter csv;
    std::size_t num_rows = 0;
    std::size_t longest = 0;

    /// The first two columns of a row: its place and its label.
    CsvWriter& add(const std::string& name)
    {
        longest = std::max(longest, name.size());
        csv.number(-static_cast<double>(num_rows++)).text(name);
        return csv;
    }
};

Plot bar_plot(std::string name, std::string title, std::string description, Bars bars,
              const std::string& commands)
{
    const auto num_rows = static_cast<unsigned>(bars.num_rows);
    const double top = 0.7;
    const double bottom = -static_cast<double>(num_rows) + 0.3;
    return {.name = std::move(name),
            .title = std::move(title),
            .description = std::move(description),
            .width = kPlotWidth,
            .height = 110 + 24 * num_rows,
            .script = fmt::format("set datafile separator ','\n"
                                  "set key outside top left horizontal Left reverse\n"
                                  "set border 3\nset xtics nomirror\nset ytics nomirror scale 0\n"
                                  "set grid xtics lc rgb '#dddddd' lt 1\n"
                                  "set style fill solid 1.0 noborder\n"
                                  "set lmargin {}\nset rmargin 3\n"
                                  "set yrange [{}:{}]\nset xrange [0:*]\n{}",
                                  bars.longest + 3, bottom, top, commands),
            .csv = bars.csv.take()};
}

std::vector<NamedRow> measured_rows(const json& document)
{
    std::vector<NamedRow> rows;
    for (const json& row : rows_of(document)) {
        if (number_at(row, "/goodput_gbps/median"))
            rows.push_back({.name = label(row_name(row, document)), .row = &row});
    }
    return rows;
}

void add_goodput(const std::vector<NamedRow>& rows, std::vector<Plot>& plots)
{
    Bars bars;
    bars.csv.text("place").text("row").text("tcp_gbps").text("udp_gbps").text("low").text("high");
    bars.csv.end_line();
    for (const auto& [name, row] : rows) {
        const auto median = number_at(*row, "/goodput_gbps/median");
        const bool is_udp = text_at(*row, "/wire") == "udp";
        const auto interval = interval_at(*row, "/goodput_gbps/ci95");
        bars.add(name)
            .number(is_udp ? std::nullopt : median)
            .number(is_udp ? median : std::nullopt)
            .number(interval ? std::optional(interval->first) : std::nullopt)
            .number(interval ? std::optional(interval->second) : std::nullopt)
            .end_line();
    }
    plots.push_back(bar_plot(
        "goodput", "Goodput",
        "Horizontal bars: the median goodput of each row in Gb/s, with the 95 % interval of the "
        "median as a line where there are six rounds or more. The figures stand in the table.",
        std::move(bars),
        fmt::format(
            "set xlabel 'goodput, Gb/s; line: 95 % interval of the median'\n"
            "plot @DATA@ skip 1 using ($3/2):1:($3/2):(0.35):ytic(2) with boxxyerror lc rgb '{}' "
            "title 'TCP', \\\n     @DATA@ skip 1 using ($4/2):1:($4/2):(0.35) with boxxyerror lc "
            "rgb '{}' title 'UDP', \\\n     @DATA@ skip 1 using (($5+$6)/2):1:5:6 with xerrorbars "
            "pt 0 lw 2 lc rgb 'black' notitle\n",
            kBlue, kOrange)));
}

/// A part of a stacked bar.
struct Part {
    const char* pointer;
    const char* title;
    const char* colour;
};

/// What a stacked plot of CPU time is of.
struct CpuPlot {
    const char* name;
    const char* title;
    const char* axis;
    const char* description;
    std::vector<Part> parts;
};

void add_cpu(const CpuPlot& what, const std::vector<NamedRow>& rows, std::vector<Plot>& plots)
{
    Bars bars;
    bars.csv.text("place").text("row");
    for (const Part& part : what.parts)
        bars.csv.text(part.title);
    bars.csv.end_line();
    for (const auto& [name, row] : rows) {
        if (!number_at(*row, what.parts.front().pointer))
            continue;
        bars.add(name);
        for (const Part& part : what.parts)
            bars.csv.number(number_at(*row, part.pointer));
        bars.csv.end_line();
    }
    if (bars.num_rows == 0)
        return;
    std::string commands = fmt::format("set xlabel '{}'\nplot ", what.axis);
    std::string below; // the sum of the parts to the left
    for (std::size_t i = 0; i < what.parts.size(); ++i) {
        commands +=
            fmt::format("{}@DATA@ skip 1 using ({}${}/2):1:(${}/2):(0.35){} with boxxyerror "
                        "lc rgb '{}' title '{}'",
                        i == 0 ? "" : ", \\\n     ", below, i + 3, i + 3, i == 0 ? ":ytic(2)" : "",
                        what.parts[i].colour, what.parts[i].title);
        below += fmt::format("${}+", i + 3);
    }
    plots.push_back(
        bar_plot(what.name, what.title, what.description, std::move(bars), commands + "\n"));
}

void add_cpu_plots(const std::vector<NamedRow>& rows, std::vector<Plot>& plots)
{
    add_cpu({.name = "cpu",
             .title = "CPU time for a gibibyte, whole machine",
             .axis = "CPU s/GiB of the whole machine",
             .description = "Stacked horizontal bars: seconds of CPU of the whole machine, sender "
                            "and receiver, for each gibibyte, in user space, in system calls and "
                            "in softirqs.",
             .parts = {{"/cpu_s_per_gib/system_user", "user", kSky},
                       {"/cpu_s_per_gib/system_kernel", "system", kBlue},
                       {"/cpu_s_per_gib/softirq", "softirq", kOrange}}},
            rows, plots);
    add_cpu({.name = "cpu-worker",
             .title = "CPU time for a gibibyte, the sending process",
             .axis = "CPU s/GiB of the worker",
             .description = "Stacked horizontal bars: seconds of CPU of the process that sends, "
                            "for each gibibyte, in user space and in the kernel.",
             .parts = {{"/cpu_s_per_gib/worker_user", "user", kSky},
                       {"/cpu_s_per_gib/worker_system", "system", kBlue}}},
            rows, plots);
}

/// Predicted beside observed.
void add_textbook(const std::vector<NamedRow>& rows, const char* name, const char* title,
                  const char* axis, const char* book, const char* seen, std::vector<Plot>& plots)
{
    Bars bars;
    bars.csv.text("place").text("row").text("textbook").text("observed").end_line();
    for (const auto& [row_label, row] : rows) {
        const auto predicted = number_at(*row, book);
        const auto observed = number_at(*row, seen);
        if (!predicted && !observed)
            continue;
        bars.add(row_label).number(predicted).number(observed).end_line();
    }
    if (bars.num_rows == 0)
        return;
    plots.push_back(bar_plot(
        name, title,
        fmt::format(
            "Horizontal bars in pairs: {}, as the textbook has it (above) and as the ledger "
            "observed it (below). The figures stand in the table.",
            axis),
        std::move(bars),
        fmt::format(
            "set xlabel '{}'\nset xrange [-0.02:*]\n"
            "plot @DATA@ skip 1 using ($3/2):($1+0.18):($3/2):(0.15):ytic(2) with "
            "boxxyerror lc rgb '{}' title 'textbook', \\\n     @DATA@ skip 1 using "
            "($4/2):($1-0.18):($4/2):(0.15) with boxxyerror lc rgb '{}' title "
            "'observed', \\\n     @DATA@ skip 1 using 3:($1+0.18) with points pt 9 lc rgb "
            "'{}' notitle, \\\n     @DATA@ skip 1 using 4:($1-0.18) with points pt 7 lc rgb "
            "'{}' notitle\n",
            axis, kGrey, kGreen, kGrey, kGreen)));
}

void add_shares(const std::vector<NamedRow>& rows, std::vector<Plot>& plots)
{
    constexpr std::array<Part, 3> ceilings{Part{"disk", "disk", kBlue},
                                           Part{"wire", "wire of the engine", kOrange},
                                           Part{"memcpy", "memcpy", kGrey}};
    Bars bars;
    bars.csv.text("place").text("row").text("disk").text("wire").text("memcpy").end_line();
    for (const auto& [name, row] : rows) {
        const auto ratio = number_at(*row, "/share_of_ceiling/ratio");
        if (!ratio)
            continue;
        bars.add(name);
        for (const Part& ceiling : ceilings)
            bars.csv.number(text_at(*row, "/share_of_ceiling/ceiling") == ceiling.pointer
                                ? std::optional(*ratio * 100)
                                : std::nullopt);
        bars.csv.end_line();
    }
    if (bars.num_rows == 0)
        return;
    std::string commands = "set xlabel 'share of the nearest ceiling, %'\n"
                           "set arrow from 100, graph 0 to 100, graph 1 nohead dt 2 lc rgb "
                           "'black'\nplot ";
    for (std::size_t i = 0; i < ceilings.size(); ++i)
        commands +=
            fmt::format("{}@DATA@ skip 1 using (${}/2):1:(${}/2):(0.35){} with boxxyerror lc "
                        "rgb '{}' title '{}'",
                        i == 0 ? "" : ", \\\n     ", i + 3, i + 3, i == 0 ? ":ytic(2)" : "",
                        ceilings[i].colour, ceilings[i].title);
    plots.push_back(bar_plot(
        "ceilings", "Share of the nearest ceiling",
        "Horizontal bars: the median goodput of each row as a share of the nearest limit that was "
        "measured in the same minutes: the disk, the engine's wire, or memcpy.",
        std::move(bars), commands + "\n"));
}

} // namespace

std::string label(std::string text)
{
    std::replace_if(
        text.begin(), text.end(),
        [](char c) {
            const auto octet = static_cast<unsigned char>(c);
            return octet < 0x20 || octet > 0x7e || c == '"' || c == '\\';
        },
        '?');
    if (text.size() > kLongestLabel)
        text = text.substr(0, kLongestLabel - 3) + "...";
    return text;
}

std::vector<Plot> plots(const json& document)
{
    std::vector<Plot> plots;
    const std::vector<NamedRow> rows = measured_rows(document);
    if (rows.empty()) {
        add_latency(document, plots);
        return plots;
    }
    add_goodput(rows, plots);
    add_cpu_plots(rows, plots);
    add_textbook(rows, "copies", "CPU copies, textbook and observed", "CPU copies of a byte",
                 "/textbook/cpu_copies", "/ledger/cpu_copies_per_byte", plots);
    add_textbook(rows, "crossings", "Crossings, textbook and observed",
                 "crossings in a turn of the loop", "/textbook/crossings",
                 "/ledger/crossings_per_turn", plots);
    add_shares(rows, plots);
    add_drift(rows, plots);
    add_latency(document, plots);
    return plots;
}

} // namespace pagewire::testbed::report
