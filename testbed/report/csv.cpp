// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/report/csv.hpp"

#include "testbed/ledger/figures.hpp"
#include "testbed/report/fields.hpp"
#include "testbed/report/report.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace pagewire::testbed::report {

CsvWriter& CsvWriter::text(std::string_view value)
{
    separate();
    // OWASP, "CSV injection": what begins like a formula would be run as one.
    const bool is_formula =
        !value.empty() && std::string_view("=+-@\t\r").find(value.front()) != value.npos;
    const bool is_quoted = is_formula || value.find_first_of(",\"\r\n") != std::string_view::npos;
    if (!is_quoted) {
        text_ += value;
        return *this;
    }
    text_ += is_formula ? "\"'" : "\"";
    for (const char c : value) {
        if (c == '"')
            text_ += '"';
        text_ += c;
    }
    text_ += '"';
    return *this;
}

CsvWriter& CsvWriter::number(const std::optional<double>& value)
{
    separate();
    if (value)
        text_ += fmt::format("{}", *value);
    return *this;
}

void CsvWriter::end_line()
{
    text_ += '\n';
    begins_line_ = true;
}

void CsvWriter::separate()
{
    if (!begins_line_)
        text_ += ',';
    begins_line_ = false;
}

namespace {

struct Column {
    const char* name;
    const char* pointer;
};

constexpr std::array kTexts{
    Column{"method", "/method"},
    Column{"wire", "/wire"},
    Column{"cache", "/cache"},
    Column{"arm", "/arm"},
    Column{"status", "/status"},
    Column{"rate", "/conditions/rate"},
    Column{"zero_copy_requested", "/zero_copy/requested"},
    Column{"zero_copy_kernel_reported", "/zero_copy/kernel_reported"},
    Column{"zero_copy_observed", "/zero_copy/observed"},
    Column{"baseline_difference", "/baseline_ratio/difference"},
    Column{"nearest_ceiling", "/share_of_ceiling/ceiling"},
    Column{"limit", "/bottleneck/limit"},
    Column{"bottleneck", "/bottleneck/sentence"},
    Column{"reason", "/reason"},
};

constexpr std::array kNumbers{
    Column{"file_bytes", "/conditions/file_bytes"},
    Column{"chunk_bytes", "/conditions/chunk_bytes"},
    Column{"mtu", "/conditions/mtu"},
    Column{"queues", "/conditions/queues"},
    Column{"goodput_gbps_median", "/goodput_gbps/median"},
    Column{"goodput_gbps_ci95_low", "/goodput_gbps/ci95/0"},
    Column{"goodput_gbps_ci95_high", "/goodput_gbps/ci95/1"},
    Column{"goodput_half_width", "/goodput_gbps/half_width"},
    Column{"cpu_s_per_gib_worker", "/cpu_s_per_gib/worker"},
    Column{"cpu_s_per_gib_worker_user", "/cpu_s_per_gib/worker_user"},
    Column{"cpu_s_per_gib_worker_system", "/cpu_s_per_gib/worker_system"},
    Column{"cpu_s_per_gib_sink", "/cpu_s_per_gib/sink"},
    Column{"cpu_s_per_gib_machine", "/cpu_s_per_gib/system"},
    Column{"cpu_s_per_gib_machine_user", "/cpu_s_per_gib/system_user"},
    Column{"cpu_s_per_gib_machine_kernel", "/cpu_s_per_gib/system_kernel"},
    Column{"cpu_s_per_gib_machine_softirq", "/cpu_s_per_gib/softirq"},
    Column{"crossings_textbook", "/textbook/crossings"},
    Column{"cpu_copies_textbook", "/textbook/cpu_copies"},
    Column{"dma_textbook", "/textbook/dma"},
    Column{"blocks_good", "/integrity/blocks_good"},
    Column{"blocks_bad", "/integrity/blocks_bad"},
    Column{"blocks_missing", "/integrity/blocks_missing"},
    Column{"bytes_duplicate", "/integrity/bytes_duplicate"},
    Column{"datagrams_lost", "/integrity/datagrams_lost"},
    Column{"baseline_ratio", "/baseline_ratio/median"},
    Column{"baseline_ratio_ci95_low", "/baseline_ratio/ci95/0"},
    Column{"baseline_ratio_ci95_high", "/baseline_ratio/ci95/1"},
    Column{"share_of_ceiling", "/share_of_ceiling/ratio"},
};

} // namespace

std::string csv(const json& document)
{
    CsvWriter writer;
    for (const Column& column : kTexts)
        writer.text(column.name);
    writer.text("textbook_verdict");
    for (const Column& column : kNumbers)
        writer.text(column.name);
    for (const NamedFigure& figure : kLedgerFigures)
        writer.text(figure.name);
    writer.end_line();
    for (const json& row : rows_of(document)) {
        for (const Column& column : kTexts)
            writer.text(text_at(row, column.pointer));
        writer.text(verdict_text(row));
        for (const Column& column : kNumbers)
            writer.number(number_at(row, column.pointer));
        for (const NamedFigure& figure : kLedgerFigures)
            writer.number(number_at(row, fmt::format("/ledger/{}", figure.name).c_str()));
        writer.end_line();
    }
    return writer.take();
}

} // namespace pagewire::testbed::report
