// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/virtual_hardware.hpp"

namespace pagewire::testbed {

using nlohmann::json;

namespace {

void drop_row_timings(json& row)
{
    row["timings"] = kNoTimings;
    for (json& figure : row["goodput_gbps"])
        figure = nullptr;
    row["goodput_gbps"]["samples"] = json::array();
    for (json& figure : row["cpu_s_per_gib"])
        figure = nullptr;
    row["queues"] = json::array();
    row["ledger"]["goodput_ratio"] = nullptr;
    for (const char* name : {"share_of_ceiling", "bottleneck", "baseline_ratio"})
        row[name] = nullptr;
}

} // namespace

void drop_timings(json& document)
{
    document["ceilings"] = {{"disk_gbps", nullptr},
                            {"wire_gbps", json::object()},
                            {"memcpy_gbps", nullptr},
                            {"by_setting", json::array()}};
    document["ledger"]["goodput_ratio"] = nullptr;
    for (json& row : document["rows"])
        drop_row_timings(row);
}

} // namespace pagewire::testbed
