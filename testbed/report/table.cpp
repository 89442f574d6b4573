// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/report/report.hpp"

#include "testbed/report/baseline_table.hpp"
#include "testbed/report/fields.hpp"
#include "testbed/report/footnotes.hpp"
#include "testbed/report/latency_table.hpp"
#include "testbed/report/words.hpp"

#include <fmt/color.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace pagewire::testbed::report {

namespace {

/// Two digits, and never a zero for something.
std::string small_figure(const std::optional<double>& value)
{
    constexpr double least = 0.005;
    return value && *value > 0 && *value < least ? "<0.01" : figure(value, 2);
}

std::string range_text(const std::vector<double>& samples)
{
    if (samples.empty())
        return "-";
    const auto [low, high] = std::minmax_element(samples.begin(), samples.end());
    return fmt::format("{:.2f}..{:.2f}", *low, *high);
}

std::string blocks_text(const json& row)
{
    if (at(row, "/transfers").empty())
        return "-";
    if (!flag_at(row, "/integrity/verified"))
        return "not verified";
    const auto count = [&](const char* pointer) { return number_at(row, pointer).value_or(0); };
    return fmt::format("{:.0f}/{:.0f}/{:.0f}", count("/integrity/blocks_good"),
                       count("/integrity/blocks_bad"), count("/integrity/blocks_missing"));
}

std::string name_or_dash(const json& row, const char* pointer)
{
    const std::string name = text_at(row, pointer);
    return name.empty() ? "-" : name;
}

constexpr const char* kLine =
    "{:<{}} {:<4} {:<5} {:<9} {:>6} {:>12} {:>7} {:>7} {:<12} {:<10} {}\n";

constexpr const char* kLedgerLine =
    "{:<{}} {:<5} {:<9} {:>4} {:>5} {:>6} {:>6} {:>4} {:>4} {:>5} {:>4}  {:<9} {}\n";

constexpr std::size_t kWidth = 100;

constexpr const char* kInterruptedLine =
    "interrupted: the table holds what was measured until then\n";

std::size_t names_width(const json& document, std::size_t least)
{
    std::size_t width = least;
    for (const json& row : rows_of(document))
        width = widened(width, text_at(row, "/method"));
    return width;
}

/// Lines below a row, under its name.
std::string below(std::string_view words)
{
    return hanging(std::string(13, ' '), words, kWidth);
}

std::string coloured(fmt::terminal_color colour, const std::string& word, const TableStyle& style)
{
    return style.colour ? fmt::format(fmt::fg(colour), "{}", word) : word;
}

std::string status_text(const json& row, const TableStyle& style)
{
    std::string status = text_at(row, "/status");
    if (status == "ok")
        return status;
    return coloured(status == "failed" ? fmt::terminal_color::red : fmt::terminal_color::yellow,
                    status, style);
}

std::string coloured_verdict(const json& row, const TableStyle& style)
{
    const std::string verdict = verdict_text(row);
    return verdict == "differs" ? coloured(fmt::terminal_color::yellow, verdict, style) : verdict;
}

void append_conditions(std::string& text, const json& row, const json& document)
{
    if (const std::string conditions = conditions_text(row, document); !conditions.empty())
        text += below(conditions);
}

/// What the kernel was seen to do, beside what the textbook says.
void append_ledger_table(std::string& text, const json& document, const TableStyle& style)
{
    auto out = std::back_inserter(text);
    Footnotes footnotes;
    const std::size_t width = names_width(document, 13);
    fmt::format_to(out, kLedgerLine, "", width, "", "", "cros", "sings", "calls", "faults", "copi",
                   "es", "DMA", "DMA", "payload", "");
    text.erase(text.find_last_not_of(" \n") + 1);
    text += '\n';
    fmt::format_to(out, kLedgerLine, "the ledger", width, "cache", "arm", "book", "seen", "/MiB",
                   "/MiB", "book", "seen", "disk", "NIC", "left", "textbook");
    for (const json& row : rows_of(document)) {
        if (at(row, "/transfers").empty())
            continue;
        const json& ledger = at(row, "/ledger");
        const auto book = [&](const char* pointer) { return figure(number_at(row, pointer), 0); };
        fmt::format_to(
            out, kLedgerLine, text_at(row, "/method"), width, text_at(row, "/cache"),
            name_or_dash(row, "/arm"), book("/textbook/crossings"),
            figure(number_at(ledger, "/crossings_per_turn"), 2),
            small_figure(number_at(ledger, "/syscalls_per_mib")),
            figure(number_at(ledger, "/page_faults_per_mib"), 1), book("/textbook/cpu_copies"),
            figure(number_at(ledger, "/cpu_copies_per_byte"), 2),
            figure(number_at(ledger, "/dma_disk_per_byte"), 2),
            figure(number_at(ledger, "/dma_nic_per_byte"), 2), text_at(row, "/zero_copy/observed"),
            coloured_verdict(row, style) + footnotes.refer(texts_at(row, "/textbook/notes")));
        append_conditions(text, row, document);
    }
    for (std::size_t i = 0; i < footnotes.notes().size(); ++i)
        text += hanging(fmt::format("  {}  ", i + 1), footnotes.notes()[i], kWidth);
}

/// Whether the ledger watched, and what that costs.
void append_ledger_cost(std::string& text, const json& ledger)
{
    auto out = std::back_inserter(text);
    if (const std::string why = text_at(ledger, "/unavailable"); !why.empty()) {
        text += hanging("ledger: unavailable: ", why, kWidth);
        return;
    }
    if (text_at(ledger, "/mode") == "with")
        text += "ledger: attached to every transfer, the timed ones included\n";
    const auto ratio = number_at(ledger, "/goodput_ratio/median");
    if (!ratio)
        return;
    fmt::format_to(out,
                   "ledger: apart from the timed transfers; goodput with / without: "
                   "{:.2f}",
                   *ratio);
    if (const auto interval = interval_at(ledger, "/goodput_ratio/ci95"))
        fmt::format_to(out, " ({:.2f}..{:.2f})", interval->first, interval->second);
    const double num_pairs = number_at(ledger, "/goodput_ratio/num_pairs").value_or(0);
    fmt::format_to(out, ", {:.0f} pair{}\n", num_pairs, num_pairs == 1 ? "" : "s");
}

void append_queues(std::string& text, const json& queues)
{
    if (!queues.is_array() || queues.empty())
        return;
    std::string line;
    for (const json& queue : queues) {
        fmt::format_to(std::back_inserter(line), "{}queue {:.0f} sent {} Gb/s",
                       line.empty() ? "" : ", ", number_at(queue, "/queue").value_or(0),
                       figure(number_at(queue, "/sent_gbps"), 2));
    }
    text += below(line);
}

void append_head(std::string& text, const json& document)
{
    auto out = std::back_inserter(text);
    const json& lab = at(document, "/lab");
    const json& file = at(document, "/plan/file");
    fmt::format_to(out, "file    {}: {} from byte {}, {}{}\n", text_at(file, "/path"),
                   bytes_at(file, "/length"), figure(number_at(file, "/offset"), 0),
                   text_at(file, "/file_system"), more_files_text(document));
    const std::string sink = text_at(document, "/plan/sink");
    fmt::format_to(out, "link    {} lab, {}, {}{}\n", text_at(lab, "/kind"),
                   text_at(lab, "/interface"), mtu_text(document),
                   sink.empty() || sink == "kernel" ? "" : ", UDP received by " + sink);
    text += rounds_line(document) + '\n';
}

void append_rows(std::string& text, const json& document, const TableStyle& style)
{
    auto out = std::back_inserter(text);
    const std::size_t width = names_width(document, 12);
    fmt::format_to(out, kLine, "", width, "", "", "", "Gb/s", "Gb/s", "CPU s/GiB", "",
                   "blocks good/", "share of", "");
    text.erase(text.find_last_not_of(" \n") + 1);
    text += '\n';
    fmt::format_to(out, kLine, "method", width, "wire", "cache", "arm", "median", "range", "worker",
                   "machine", "bad/missing", "ceiling", "status");
    for (const json& row : rows_of(document)) {
        fmt::format_to(out, kLine, text_at(row, "/method"), width, text_at(row, "/wire"),
                       text_at(row, "/cache"), name_or_dash(row, "/arm"),
                       figure(number_at(row, "/goodput_gbps/median"), 2),
                       range_text(numbers_at(row, "/goodput_gbps/samples")),
                       figure(number_at(row, "/cpu_s_per_gib/worker"), 3),
                       figure(number_at(row, "/cpu_s_per_gib/system"), 3), blocks_text(row),
                       share_text(row), status_text(row, style));
        append_conditions(text, row, document);
        append_queues(text, at(row, "/queues"));
        if (const std::string limit = text_at(row, "/bottleneck/limit");
            !limit.empty() && limit != "none")
            text += below("held up by " + text_at(row, "/bottleneck/sentence"));
        if (const std::string reason = text_at(row, "/reason"); !reason.empty())
            text += below(reason);
    }
}

constexpr const char* kRowLine = "{:<{}} {:<4} {:<5} {:<9} {:<12} {:>7} {:>11} {:>4}  {}\n";

/// "1.00": what an engine counted, of all good transfers alike; "-": a kernel's driver makes the
/// descriptors.
std::string descriptors_text(const json& row)
{
    const json& counters = at(row, "/transfers/0/counters");
    const auto descriptors = number_at(counters, "/descriptors");
    const auto packets = number_at(counters, "/packets");
    return descriptors && packets && *packets > 0 ? fmt::format("{:.2f}", *descriptors / *packets)
                                                  : "-";
}

/// Of hardware whose speed means nothing: whether it works, and in how many pieces.
void append_rows_without_timings(std::string& text, const json& document, const TableStyle& style)
{
    auto out = std::back_inserter(text);
    const std::size_t width = names_width(document, 12);
    fmt::format_to(out, kRowLine, "", width, "", "", "", "blocks good/", "", "descriptors", "", "");
    text.erase(text.find_last_not_of(" \n") + 1);
    text += '\n';
    fmt::format_to(out, kRowLine, "method", width, "wire", "cache", "arm", "bad/missing", "packets",
                   "a packet", "mode", "status");
    for (const json& row : rows_of(document)) {
        const std::string mode = text_at(row, "/zero_copy/kernel_reported");
        fmt::format_to(out, kRowLine, text_at(row, "/method"), width, text_at(row, "/wire"),
                       text_at(row, "/cache"), name_or_dash(row, "/arm"), blocks_text(row),
                       figure(number_at(row, "/transfers/0/counters/packets"), 0),
                       descriptors_text(row), mode.empty() ? "-" : mode, status_text(row, style));
        append_conditions(text, row, document);
        for (const auto& [name, pointer] : {std::pair{"layout", "/transfers/0/facts/layout"},
                                            std::pair{"checksum", "/transfers/0/facts/checksum"}}) {
            if (const std::string fact = text_at(row, pointer); !fact.empty())
                text += below(fmt::format("{}: {}", name, fact));
        }
        if (const std::string reason = text_at(row, "/reason"); !reason.empty())
            text += below(reason);
    }
}

void append_ceilings(std::string& text, const json& document)
{
    const json& ceilings = at(document, "/ceilings");
    std::string line;
    if (const auto gbps = number_at(ceilings, "/disk_gbps"))
        line += fmt::format(" disk {:.2f} Gb/s (O_DIRECT),", *gbps);
    if (const json& wires = at(ceilings, "/wire_gbps"); wires.is_object()) {
        for (const auto& [engine, gbps] : wires.items()) {
            if (gbps.is_number())
                line +=
                    fmt::format(" wire {:.2f} Gb/s ({} from memory),", gbps.get<double>(), engine);
        }
    }
    if (const auto gbps = number_at(ceilings, "/memcpy_gbps"))
        line += fmt::format(" memcpy {:.2f} Gb/s,", *gbps);
    if (!line.empty())
        line.pop_back();
    text += hanging("ceilings, same minutes: ", line.empty() ? "not measured" : line, kWidth);
    if (!texts_at(document, "/varied").empty())
        text += "ceilings that depend on what varies: ceilings.by_setting of the document\n";
}

} // namespace

std::string table(const json& foreign, const TableStyle& style)
{
    const json document = without_controls(foreign);
    std::string text;
    append_head(text, document);
    const std::string no_timings = no_timings_text(document);
    if (no_timings.empty()) {
        append_rows(text, document, style);
    } else {
        text += no_timings + "\n\n";
        append_rows_without_timings(text, document, style);
    }
    text += '\n';
    append_ledger_table(text, document, style);
    text += '\n';
    if (!no_timings.empty()) {
        if (flag_at(document, "/interrupted"))
            text += kInterruptedLine;
        return text;
    }
    text += baseline_table(document);
    text += latency_table(document);
    append_ledger_cost(text, at(document, "/ledger"));
    append_ceilings(text, document);
    if (flag_at(document, "/interrupted"))
        text += kInterruptedLine;
    return text;
}

} // namespace pagewire::testbed::report
