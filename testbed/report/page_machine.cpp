// SPDX-License-Identifier: BSD-3-Clause
// The page's words on the machine, its limits, and how to repeat the run.
#include "testbed/report/page_sections.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <string>
#include <vector>

namespace pagewire::testbed::report {

namespace {

/// "a, b", without those that are empty.
std::string listed(std::vector<std::string> words)
{
    std::erase(words, "");
    return fmt::format("{}", fmt::join(words, ", "));
}

} // namespace

std::string machine_section(const json& document)
{
    const json& host = at(document, "/host");
    const json& lab = at(document, "/lab");
    const json& file = at(document, "/plan/file");
    HtmlTable table("", {});
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty())
            table.add({{.text = name}, {.text = value}});
    };
    add("started", text_at(document, "/started_at"));
    add("pagewire", text_at(document, "/tool/version"));
    add("kernel", text_at(host, "/kernel"));
    add("distribution", text_at(host, "/distribution"));
    add("processor",
        listed({text_at(host, "/processor"), figure(number_at(host, "/num_cpus"), 0) + " CPUs"}));
    add("memory", bytes_at(host, "/memory_bytes"));
    add("file", listed({text_at(file, "/path"), bytes_at(file, "/length"),
                        text_at(file, "/file_system") + more_files_text(document)}));
    add("content", text_at(file, "/digest"));
    add("link", listed({text_at(lab, "/kind") + " lab", text_at(lab, "/interface"),
                        text_at(lab, "/driver").empty() ? "" : "driver " + text_at(lab, "/driver"),
                        mtu_text(document),
                        flag_at(lab, "/virtual_hardware") ? "emulated: QEMU plays the device"
                        : flag_at(lab, "/emulated")       ? "emulated: a software device has no DMA"
                                                          : ""}));
    add("timings", no_timings_text(document));
    add("rounds", fmt::format("{}, after {} of warm-up, interleaved in random order, seed {}",
                              figure(number_at(document, "/rounds/measured"), 0),
                              figure(number_at(document, "/rounds/warmup"), 0),
                              figure(number_at(document, "/plan/seed"), 0)));
    return heading("What was run") + table.take();
}

std::string doctor_section(const json& document)
{
    const json& findings = at(document, "/doctor");
    std::size_t num_ok = 0;
    HtmlTable table("", {"finding", "seen", "why it matters", "what to do"});
    for (const json& finding : findings) {
        const std::string severity = text_at(finding, "/severity");
        if (severity == "ok") {
            ++num_ok;
            continue;
        }
        table.add({{.text = text_at(finding, "/id") + ": " + severity,
                    .css_class = severity == "error" ? "error" : ""},
                   {.text = text_at(finding, "/seen"), .css_class = "words"},
                   {.text = text_at(finding, "/why"), .css_class = "words"},
                   {.text = text_at(finding, "/fix"), .css_class = "words"}});
    }
    const std::string head = heading("Is the machine fit to measure?");
    if (findings.empty())
        return head + paragraph("", "Not looked at.");
    if (num_ok == findings.size())
        return head + paragraph("", fmt::format("All {} findings are in order.", num_ok));
    return head +
           paragraph("", fmt::format("{} of {} findings are in order; the others:", num_ok,
                                     findings.size())) +
           table.take();
}

namespace {

void add_ceilings(HtmlTable& table, const std::string& name, const json& ceilings,
                  const std::optional<double>& memcpy_gbps)
{
    std::string wires;
    if (const json& gbps = at(ceilings, "/wire_gbps"); gbps.is_object()) {
        for (const auto& [engine, value] : gbps.items()) {
            if (value.is_number())
                wires += fmt::format("{}{} {:.2f}", wires.empty() ? "" : ", ", engine,
                                     value.get<double>());
        }
    }
    table.add({{.text = name},
               figure_cell(number_at(ceilings, "/disk_gbps"), 2),
               {.text = wires.empty() ? "not measured" : wires, .is_figure = true},
               figure_cell(memcpy_gbps, 2)});
}

} // namespace

std::string ceilings_section(const json& document)
{
    const json& ceilings = at(document, "/ceilings");
    const auto memcpy_gbps = number_at(ceilings, "/memcpy_gbps");
    HtmlTable table("", {"setting", "disk, Gb/s", "wire, Gb/s", "memcpy, Gb/s"});
    const bool varied = !texts_at(document, "/varied").empty();
    if (const json& settings = at(ceilings, "/by_setting"); varied && settings.is_array()) {
        for (const json& setting : settings) {
            const std::string name = conditions_text(setting, document);
            add_ceilings(table, name.empty() ? "any" : name, setting, memcpy_gbps);
        }
    } else {
        add_ceilings(table, "the run's", ceilings, memcpy_gbps);
    }
    return heading("The limits, measured in the same minutes") +
           paragraph("soft", "Disk: direct reads of the file. Wire: the engine's pipeline from "
                             "memory. What was not measured is no limit that a share is of.") +
           table.take();
}

std::string repeat_section(const json& document)
{
    const std::string command = text_at(document, "/command");
    const std::string plan = text_at(document, "/plan_toml");
    if (command.empty() && plan.empty())
        return {};
    std::string html = heading("To repeat it");
    if (!command.empty())
        html += fmt::format("<pre>{}</pre>\n", escaped(command));
    if (!plan.empty())
        html += fmt::format("<details><summary>The plan, with its defaults</summary><pre>{}</pre>"
                            "</details>\n",
                            escaped(plan));
    return html;
}

} // namespace pagewire::testbed::report
