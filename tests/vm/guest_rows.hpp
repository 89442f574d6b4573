// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/units.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <string>

/// What documents of the virtual lab say of transfers of 2 MiB.
namespace pagewire::tests {

using nlohmann::json;

inline json document_at(const std::string& path)
{
    std::ifstream file(path);
    return file ? json::parse(file, nullptr, false) : json();
}

inline json row_of(const json& document, const std::string& method)
{
    for (const json& row : document.value("rows", json::array())) {
        if (row.at("method") == method)
            return row;
    }
    ADD_FAILURE() << "no row " << method;
    return json::object();
}

inline void expect_whole(const json& row)
{
    EXPECT_EQ(row.at("status"), "ok") << row.at("method") << ": " << row.at("reason");
    EXPECT_EQ(row.at("integrity").at("blocks_good"), 2 * core::kMiB / 4096);
    EXPECT_EQ(row.at("integrity").at("blocks_bad"), 0);
    EXPECT_EQ(row.at("integrity").at("blocks_missing"), 0);
}

inline void expect_figure(const json& row, const char* name, double wanted, double tolerance)
{
    const json& figure = row.at("ledger").at(name);
    ASSERT_TRUE(figure.is_number())
        << row.at("method") << ' ' << name << ": " << row.at("ledger").at("evidence").at(name);
    EXPECT_NEAR(figure.get<double>(), wanted, tolerance) << row.at("method") << ' ' << name;
}

/// Copies by both witnesses, within 2 %.
inline void expect_classic(const json& document, const char* method, double crossings,
                           double copies)
{
    const json row = row_of(document, method);
    expect_whole(row);
    expect_figure(row, "crossings_per_turn", crossings, 0.2);
    expect_figure(row, "cpu_copies_per_byte", copies, 0.02);
    expect_figure(row, "cpu_copies_per_byte_fentry", copies, 0.02);
    expect_figure(row, "dma_disk_per_byte", 1, 0.02);
    expect_figure(row, "dma_nic_per_byte", 1.05, 0.05);
    EXPECT_EQ(row.at("textbook").at("agrees"), true) << row.at("textbook");
}

} // namespace pagewire::tests
