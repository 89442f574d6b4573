// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/report/plots.hpp"

#include "testbed/report/csv.hpp"
#include "testbed/report/fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace pagewire::testbed::report {

namespace {

// Okabe and Ito, "Color Universal Design": told apart by all common kinds of colour vision. Shape
// or place says the same as the colour in every plot.
constexpr const char* kBlue = "#0072B2";
constexpr const char* kOrange = "#E69F00";
constexpr const char* kGreen = "#009E73";
constexpr const char* kSky = "#56B4E9";
constexpr const char* kGrey = "#BBBBBB";

constexpr unsigned kWidth = 900;
constexpr std::size_t kLongestLabel = 56;

/// A label as data: one line, printable, no longer than there is room for.
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

struct NamedRow {
    std::string name;
    const json* row = nullptr;
};

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
            .width = kWidth,
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

void add_cpu(const std::vector<NamedRow>& rows, std::vector<Plot>& plots)
{
    constexpr std::array<Part, 3> parts{Part{"/cpu_s_per_gib/system_user", "user", kSky},
                                        Part{"/cpu_s_per_gib/system_kernel", "system", kBlue},
                                        Part{"/cpu_s_per_gib/softirq", "softirq", kOrange}};
    Bars bars;
    bars.csv.text("place").text("row").text("user").text("system").text("softirq").end_line();
    for (const auto& [name, row] : rows) {
        if (!number_at(*row, parts.front().pointer))
            continue;
        bars.add(name);
        for (const Part& part : parts)
            bars.csv.number(number_at(*row, part.pointer));
        bars.csv.end_line();
    }
    if (bars.num_rows == 0)
        return;
    plots.push_back(bar_plot(
        "cpu", "CPU time for a gibibyte",
        "Stacked horizontal bars: seconds of CPU of the whole machine, sender and receiver, for "
        "each gibibyte, in user space, in system calls and in softirqs.",
        std::move(bars),
        fmt::format(
            "set xlabel 'CPU s/GiB of the whole machine'\n"
            "plot @DATA@ skip 1 using ($3/2):1:($3/2):(0.35):ytic(2) with boxxyerror lc rgb "
            "'{}' title 'user', \\\n     @DATA@ skip 1 using ($3+$4/2):1:($4/2):(0.35) with "
            "boxxyerror lc rgb '{}' title 'system', \\\n     @DATA@ skip 1 using "
            "($3+$4+$5/2):1:($5/2):(0.35) with boxxyerror lc rgb '{}' title 'softirq'\n",
            parts[0].colour, parts[1].colour, parts[2].colour)));
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

/// Each sample over its row's median, round by round: what drifts, drifts for all.
void add_drift(const std::vector<NamedRow>& rows, std::vector<Plot>& plots)
{
    CsvWriter csv;
    csv.text("row").text("round").text("ratio").end_line();
    unsigned num_samples = 0;
    double last_round = 0;
    for (const auto& [name, row] : rows) {
        const double median = number_at(*row, "/goodput_gbps/median").value_or(0);
        const json& transfers = at(*row, "/transfers");
        if (!transfers.is_array() || median <= 0)
            continue;
        for (const json& transfer : transfers) {
            const auto round = number_at(transfer, "/round");
            const auto gbps = number_at(transfer, "/goodput_gbps");
            if (!round || !gbps || flag_at(transfer, "/watched") ||
                !text_at(transfer, "/error").empty())
                continue;
            csv.text(name).number(*round + 1).number(*gbps / median).end_line();
            last_round = std::max(last_round, *round + 1);
            ++num_samples;
        }
    }
    if (num_samples == 0)
        return;
    plots.push_back(
        {.name = "drift",
         .title = "Samples over time",
         .description = "Points: each timed transfer's goodput over its row's median, round by "
                        "round. A machine that drifts moves all points of a round together.",
         .width = kWidth,
         .height = 320,
         .script = fmt::format("set datafile separator ','\nset border 3\nunset key\n"
                               "set xtics nomirror\nset ytics nomirror\n"
                               "set grid lc rgb '#dddddd' lt 1\nset yrange [0:*]\n"
                               "set xrange [0:{}]\nset xlabel 'round'\n"
                               "set ylabel 'goodput / median of its row'\n"
                               "plot 1 lc rgb 'black' dt 2, \\\n     @DATA@ skip 1 using 2:3 with "
                               "points pt 6 ps 0.7 lc rgb '{}'\n",
                               last_round + 1, kBlue),
         .csv = csv.take()});
}

} // namespace

std::vector<Plot> plots(const json& document)
{
    std::vector<Plot> plots;
    const std::vector<NamedRow> rows = measured_rows(document);
    if (rows.empty())
        return plots;
    add_goodput(rows, plots);
    add_cpu(rows, plots);
    add_textbook(rows, "copies", "CPU copies, textbook and observed", "CPU copies of a byte",
                 "/textbook/cpu_copies", "/ledger/cpu_copies_per_byte", plots);
    add_textbook(rows, "crossings", "Crossings, textbook and observed",
                 "crossings in a turn of the loop", "/textbook/crossings",
                 "/ledger/crossings_per_turn", plots);
    add_shares(rows, plots);
    add_drift(rows, plots);
    return plots;
}

} // namespace pagewire::testbed::report
