// SPDX-License-Identifier: BSD-3-Clause
#include "core/units.hpp"
#include "testbed/result.hpp"
#include "testbed/table_baseline.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

namespace pagewire::testbed {

namespace {

std::string figure(const nlohmann::json& value, int digits)
{
    return value.is_number() ? fmt::format("{:.{}f}", value.get<double>(), digits) : "-";
}

/// Two digits, and never a zero for something.
std::string small_figure(const nlohmann::json& value)
{
    constexpr double least = 0.005;
    if (value.is_number() && value.get<double>() > 0 && value.get<double>() < least)
        return "<0.01";
    return figure(value, 2);
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
    "{:<12} {:<4} {:<5} {:<9} {:>6} {:>12} {:>7} {:>7} {:<12} {:<10} {}\n";

constexpr const char* kLedgerLine =
    "{:<13} {:<5} {:<9} {:>4} {:>5} {:>6} {:>6} {:>4} {:>4} {:>5} {:>4}  {:<9} {}\n";

std::string name_or_dash(const nlohmann::json& name)
{
    return name.is_null() ? "-" : name.get<std::string>();
}

std::string verdict_text(const nlohmann::json& textbook)
{
    if (textbook.is_null())
        return "-";
    if (textbook.at("agrees").is_null())
        return "undecided";
    return textbook.at("agrees").get<bool>() ? "agrees" : "differs";
}

/// Notes that many rows share stand once, below the table.
class Footnotes {
  public:
    /// " 1,3": where these notes stand.
    std::string refer(const nlohmann::json& notes)
    {
        std::vector<std::size_t> numbers;
        for (const auto& note : notes) {
            auto it = std::find(notes_.begin(), notes_.end(), note);
            if (it == notes_.end())
                it = notes_.insert(it, note.get<std::string>());
            numbers.push_back(static_cast<std::size_t>(it - notes_.begin()) + 1);
        }
        return numbers.empty() ? "" : fmt::format(" {}", fmt::join(numbers, ","));
    }

    [[nodiscard]] std::string text() const
    {
        std::string text;
        for (std::size_t i = 0; i < notes_.size(); ++i)
            fmt::format_to(std::back_inserter(text), "  {}  {}\n", i + 1, notes_[i]);
        return text;
    }

  private:
    std::vector<std::string> notes_;
};

/// What the kernel was seen to do, beside what the textbook says.
void append_ledger_table(std::string& text, const nlohmann::json& document)
{
    auto out = std::back_inserter(text);
    Footnotes footnotes;
    fmt::format_to(out, kLedgerLine, "", "", "", "cros", "sings", "calls", "faults", "copi", "es",
                   "DMA", "DMA", "payload", "");
    fmt::format_to(out, kLedgerLine, "the ledger", "cache", "arm", "book", "seen", "/MiB", "/MiB",
                   "book", "seen", "disk", "NIC", "left", "textbook");
    for (const auto& row : document.at("rows")) {
        if (row.at("transfers").empty())
            continue;
        const auto& ledger = row.at("ledger");
        const auto& textbook = row.at("textbook");
        const auto book = [&](const char* name) {
            return textbook.is_null() ? "-" : figure(textbook.at(name), 0);
        };
        fmt::format_to(
            out, kLedgerLine, row.at("method").get<std::string>(),
            row.at("cache").get<std::string>(), name_or_dash(row.at("arm")), book("crossings"),
            figure(ledger.at("crossings_per_turn"), 2), small_figure(ledger.at("syscalls_per_mib")),
            figure(ledger.at("page_faults_per_mib"), 1), book("cpu_copies"),
            figure(ledger.at("cpu_copies_per_byte"), 2), figure(ledger.at("dma_disk_per_byte"), 2),
            figure(ledger.at("dma_nic_per_byte"), 2),
            row.at("zero_copy").at("observed").get<std::string>(),
            verdict_text(textbook) +
                (textbook.is_null() ? "" : footnotes.refer(textbook.at("notes"))));
    }
    text += footnotes.text();
}

/// Whether the ledger watched, and what that costs.
void append_ledger_cost(std::string& text, const nlohmann::json& ledger)
{
    auto out = std::back_inserter(text);
    if (!ledger.at("unavailable").is_null()) {
        fmt::format_to(out, "ledger: unavailable: {}\n",
                       ledger.at("unavailable").get<std::string>());
        return;
    }
    if (ledger.at("mode") == "with")
        text += "ledger: attached to every transfer, the timed ones included\n";
    const auto& ratio = ledger.at("goodput_ratio");
    if (ratio.is_null())
        return;
    fmt::format_to(out,
                   "ledger: apart from the timed transfers; goodput with / without: "
                   "{:.2f}",
                   ratio.at("median").get<double>());
    if (!ratio.at("ci95").is_null())
        fmt::format_to(out, " ({:.2f}..{:.2f})", ratio.at("ci95")[0].get<double>(),
                       ratio.at("ci95")[1].get<double>());
    const auto num_pairs = ratio.at("num_pairs").get<std::size_t>();
    fmt::format_to(out, ", {} pair{}\n", num_pairs, num_pairs == 1 ? "" : "s");
}

void append_queues(std::string& text, const nlohmann::json& queues)
{
    if (queues.empty())
        return;
    text += "             ";
    for (const auto& queue : queues) {
        fmt::format_to(std::back_inserter(text), "{}queue {} sent {:.2f} Gb/s",
                       &queue == &queues.front() ? "" : ", ", queue.at("queue").get<unsigned>(),
                       queue.at("sent_gbps").get<double>());
    }
    text += '\n';
}

} // namespace

std::string result_table(const RunResult& result)
{
    // The table is drawn from the document, like every report.
    const nlohmann::json document = result_document(result);
    std::string text;
    auto out = std::back_inserter(text);
    const auto& lab = document.at("lab");
    const FileFacts& file = result.files.front();
    fmt::format_to(out, "file    {}: {} from byte {}, {}\n", file.path,
                   core::format_bytes(file.range.length), file.range.offset, file.file_system);
    fmt::format_to(out, "link    {} lab, {}, MTU {}{}\n", lab.at("kind").get<std::string>(),
                   lab.at("interface").get<std::string>(), lab.at("mtu").get<unsigned>(),
                   result.plan.sink == SinkKind::kKernel
                       ? ""
                       : fmt::format(", UDP received by {}", sink_name(result.plan.sink)));
    text += rounds_line(document) + '\n';
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
                       name_or_dash(row.at("arm")), figure(goodput.at("median"), 2),
                       range_text(goodput.at("samples").get<std::vector<double>>()),
                       figure(cpu.at("worker"), 3), figure(cpu.at("system"), 3), blocks_text(row),
                       share_text(row.at("share_of_ceiling")), row.at("status").get<std::string>());
        append_queues(text, row.at("queues"));
        if (!row.at("reason").is_null())
            fmt::format_to(out, "             {}\n", row.at("reason").get<std::string>());
    }
    text += '\n';
    append_ledger_table(text, document);
    text += '\n';
    text += baseline_table(document);
    append_ledger_cost(text, document.at("ledger"));
    const auto& ceilings = document.at("ceilings");
    text += "ceilings, same minutes:";
    if (ceilings.at("disk_gbps").is_number())
        fmt::format_to(out, " disk {} Gb/s (O_DIRECT),", figure(ceilings.at("disk_gbps"), 2));
    for (const auto& [engine, gbps] : ceilings.at("wire_gbps").items())
        fmt::format_to(out, " wire {} Gb/s ({} from memory),", figure(gbps, 2), engine);
    if (ceilings.at("memcpy_gbps").is_number())
        fmt::format_to(out, " memcpy {} Gb/s,", figure(ceilings.at("memcpy_gbps"), 2));
    if (text.back() == ',')
        text.back() = '\n';
    else
        text += " not measured\n";
    if (result.interrupted)
        text += "interrupted: the table holds what was measured until then\n";
    return text;
}

} // namespace pagewire::testbed
