// SPDX-License-Identifier: BSD-3-Clause
// Plots with time on an axis: samples round by round, latencies.
#include "testbed/report/csv.hpp"
#include "testbed/report/fields.hpp"
#include "testbed/report/plot_parts.hpp"
#include "testbed/report/plots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace pagewire::testbed::report {

namespace {

/// [upper end in us, requests up to it]; ascending.
using Histogram = std::map<double, double>;

Histogram histogram_of(const json& row)
{
    Histogram histogram;
    const json& pairs = at(row, "/histogram");
    if (!pairs.is_array())
        return histogram;
    for (const json& pair : pairs) {
        const auto upper_us = number_at(pair, "/0");
        const auto count = number_at(pair, "/1");
        if (upper_us && count && *upper_us > 0 && *count > 0)
            histogram[*upper_us] += *count;
    }
    return histogram;
}

struct Curve {
    std::string name;
    Histogram histogram;
};

/// A step for each bound that any curve has: a share stands until the next.
std::string latency_csv(const std::vector<Curve>& curves)
{
    CsvWriter csv;
    csv.text("latency_us");
    std::set<double> bounds;
    for (const Curve& curve : curves) {
        csv.text(curve.name);
        for (const auto& [upper_us, count] : curve.histogram)
            bounds.insert(upper_us);
    }
    csv.end_line();
    std::vector<double> totals;
    for (const Curve& curve : curves) {
        double total = 0;
        for (const auto& [upper_us, count] : curve.histogram)
            total += count;
        totals.push_back(total);
    }
    std::vector<double> so_far(curves.size(), 0);
    for (const double bound : bounds) {
        csv.number(bound);
        for (std::size_t i = 0; i < curves.size(); ++i) {
            const auto it = curves[i].histogram.find(bound);
            so_far[i] += it == curves[i].histogram.end() ? 0 : it->second;
            csv.number(so_far[i] / totals[i] * 100);
        }
        csv.end_line();
    }
    return csv.take();
}

Plot latency_plot(std::string name, std::string title, const std::vector<Curve>& curves)
{
    constexpr std::array colours{kBlue, kOrange, kGreen, kVermillion, kSky, kPurple, "#000000"};
    std::string commands = "plot ";
    for (std::size_t i = 0; i < curves.size(); ++i)
        commands += fmt::format("{}@DATA@ using 1:{} with steps lw 2 dt {} lc rgb '{}' title "
                                "columnheader({})",
                                i == 0 ? "" : ", \\\n     ", i + 2, 1 + i % 5,
                                colours[i % colours.size()], i + 2);
    const auto num_lines = static_cast<unsigned>((curves.size() + 1) / 2);
    return {.name = std::move(name),
            .title = std::move(title),
            .description = "Curves, one for each method: the share of requests that were answered "
                           "within a time, over the logarithm of that time. Further to the left is "
                           "quicker. The percentiles stand in the table.",
            .width = kPlotWidth,
            .height = 340 + 20 * num_lines,
            .script = "set datafile separator ','\nset border 3\n"
                      "set key outside top left horizontal Left reverse maxcols 2\n"
                      "set xtics nomirror\nset ytics nomirror\nset grid lc rgb '#dddddd' lt 1\n"
                      "set logscale x\nset yrange [0:102]\nset xlabel 'latency, us'\n"
                      "set ylabel 'requests answered, %'\n" +
                      commands + "\n",
            .csv = latency_csv(curves)};
}

} // namespace

void add_latency(const json& document, std::vector<Plot>& plots)
{
    const json& rows = at(document, "/latency");
    if (!rows.is_array())
        return;

    struct Group {
        std::string file;
        std::vector<Curve> curves;
    };

    std::map<std::pair<double, double>, Group> groups; // by file size, outstanding
    for (const json& row : rows) {
        Histogram histogram = histogram_of(row);
        const auto file_bytes = number_at(row, "/file_bytes");
        if (histogram.empty() || !file_bytes)
            continue;
        Group& group = groups[{*file_bytes, number_at(row, "/outstanding").value_or(1)}];
        group.file = bytes_at(row, "/file_bytes");
        group.curves.push_back(
            {.name = label(row_name(row, document)), .histogram = std::move(histogram)});
    }
    unsigned number = 0;
    for (const auto& [condition, group] : groups)
        plots.push_back(latency_plot(
            fmt::format("latency-{}", ++number),
            fmt::format("Latency, files of {}, {:.0f} outstanding", group.file, condition.second),
            group.curves));
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
         .width = kPlotWidth,
         .height = 320,
         .script = fmt::format("set datafile separator ','\nset border 3\nunset key\n"
                               "set xtics {} nomirror\nset ytics nomirror\n"
                               "set grid lc rgb '#dddddd' lt 1\nset yrange [0:*]\n"
                               "set xrange [0:{}]\nset xlabel 'round'\n"
                               "set ylabel 'goodput / median of its row'\n"
                               "plot 1 lc rgb 'black' dt 2, \\\n     @DATA@ skip 1 using 2:3 with "
                               "points pt 6 ps 0.7 lc rgb '{}'\n",
                               // Whole rounds, ten to twenty of them.
                               std::max(1.0, std::floor(last_round / 10)), last_round + 1, kBlue),
         .csv = csv.take()});
}

} // namespace pagewire::testbed::report
