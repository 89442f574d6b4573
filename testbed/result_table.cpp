// SPDX-License-Identifier: BSD-3-Clause
#include "core/units.hpp"
#include "testbed/result.hpp"
#include "testbed/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace pagewire::testbed {

namespace {

std::string figure(const nlohmann::json& value, int digits)
{
    return value.is_number() ? fmt::format("{:.{}f}", value.get<double>(), digits) : "-";
}

std::string range_text(const std::vector<double>& samples)
{
    if (samples.empty())
        return "-";
    const auto [low, high] = std::minmax_element(samples.begin(), samples.end());
    return fmt::format("{:.2f}..{:.2f}", *low, *high);
}

std::string blocks_text(const nlohmann::json& row)
{
    if (row.at("transfers").empty())
        return "-";
    const auto& integrity = row.at("integrity");
    if (!integrity.at("verified").get<bool>())
        return "not verified";
    return fmt::format("{}/{}/{}", integrity.at("blocks_good").get<std::uint64_t>(),
                       integrity.at("blocks_bad").get<std::uint64_t>(),
                       integrity.at("blocks_missing").get<std::uint64_t>());
}

std::string share_text(const nlohmann::json& share)
{
    return share.is_null() ? "-"
                           : fmt::format("{:.0f}% {}", share.at("ratio").get<double>() * 100,
                                         share.at("ceiling").get<std::string>());
}

constexpr const char* kLine =
    "{:<12} {:<4} {:<5} {:<9} {:>6} {:>13} {:>7} {:>7}  {:<15} {:<11} {}\n";

} // namespace

std::string result_table(const RunResult& result)
{
    // The table is drawn from the document, like every report.
    const nlohmann::json document = result_document(result);
    std::string text;
    auto out = std::back_inserter(text);
    const auto& lab = document.at("lab");
    fmt::format_to(out, "file    {}: {} from byte {}, {}\n", result.path,
                   core::format_bytes(result.range.length), result.range.offset,
                   result.file_system);
    fmt::format_to(out, "link    {} lab, {}, MTU {}\n", lab.at("kind").get<std::string>(),
                   lab.at("interface").get<std::string>(), lab.at("mtu").get<unsigned>());
    fmt::format_to(out, "rounds  {}, interleaved in random order, seed {}\n\n", result.plan.rounds,
                   result.plan.seed);
    fmt::format_to(out, kLine, "", "", "", "", "Gb/s", "Gb/s", "CPU s/GiB", "", "blocks good/",
                   "share of", "");
    text.erase(text.find_last_not_of(" \n") + 1);
    text += '\n';
    fmt::format_to(out, kLine, "method", "wire", "cache", "arm", "median", "range", "worker",
                   "machine", "bad/missing", "ceiling", "status");
    for (const auto& row : document.at("rows")) {
        const auto& goodput = row.at("goodput_gbps");
        const auto& cpu = row.at("cpu_s_per_gib");
        fmt::format_to(out, kLine, row.at("method").get<std::string>(),
                       row.at("wire").get<std::string>(), row.at("cache").get<std::string>(),
                       row.at("arm").is_null() ? "-" : row.at("arm").get<std::string>(),
                       figure(goodput.at("median"), 2),
                       range_text(goodput.at("samples").get<std::vector<double>>()),
                       figure(cpu.at("worker"), 3), figure(cpu.at("system"), 3), blocks_text(row),
                       share_text(row.at("share_of_ceiling")), row.at("status").get<std::string>());
        if (!row.at("reason").is_null())
            fmt::format_to(out, "             {}\n", row.at("reason").get<std::string>());
    }
    const Ceilings& ceilings = result.ceilings;
    text += "\nceilings in the same minutes:";
    if (ceilings.disk_gbps)
        fmt::format_to(out, " disk {:.2f} Gb/s (O_DIRECT),", *ceilings.disk_gbps);
    for (const auto& [engine, gbps] : ceilings.wire_gbps)
        fmt::format_to(out, " wire {:.2f} Gb/s ({} from memory),", gbps, engine);
    if (ceilings.memcpy_gbps)
        fmt::format_to(out, " memcpy {:.2f} Gb/s,", *ceilings.memcpy_gbps);
    if (text.back() == ',')
        text.back() = '\n';
    else
        text += " not measured\n";
    if (result.interrupted)
        text += "interrupted: the table holds what was measured until then\n";
    return text;
}

} // namespace pagewire::testbed
