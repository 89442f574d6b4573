// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

namespace pagewire::tests {

/// A row of a result document as far as its readers rely on it.
inline nlohmann::json document_row(const std::string& method, std::vector<double> samples,
                                   const std::string& arm = {})
{
    return {
        {"method", method},
        {"wire", method == "af_xdp" ? "udp" : "tcp"},
        {"cache", "cold"},
        {"arm", arm.empty() ? nlohmann::json(nullptr) : nlohmann::json(arm)},
        {"status", "ok"},
        {"reason", nullptr},
        {"goodput_gbps",
         {{"median", samples.empty() ? 0 : samples[samples.size() / 2]},
          {"ci95", nullptr},
          {"samples", std::move(samples)}}},
        {"cpu_s_per_gib", {{"worker", 0.5}, {"sink", 1.0}, {"system", nullptr}}},
        {"ledger",
         {{"cpu_copies_per_byte", 1.0}, {"crossings_per_turn", 4.0}, {"dma_disk_per_byte", 1.0}}},
        {"zero_copy", {{"observed", "copied"}}},
        {"integrity", nlohmann::json::object()},
        {"transfers", nlohmann::json::array()}};
}

/// A document with these rows.
inline nlohmann::json document_of(std::vector<nlohmann::json> rows)
{
    return {{"schema", "pagewire.result/1"},
            {"tool", {{"name", "pagewire"}, {"version", "1"}}},
            {"host", {{"kernel", "6.1"}, {"num_cpus", 2}}},
            {"doctor", {{{"id", "cpu.governor"}, {"severity", "warning"}, {"seen", "powersave"}}}},
            {"lab", {{"kind", "veth"}, {"interface", "pw-near"}, {"mtu", 9000}}},
            {"plan", {{"file", {{"length", 4096}}}}},
            {"ceilings", nlohmann::json::object()},
            {"rows", std::move(rows)}};
}

} // namespace pagewire::tests
