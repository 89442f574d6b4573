// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/report/fields.hpp"
#include "testbed/report/plots.hpp"

#include <string>
#include <vector>

/// What plots share.
namespace pagewire::testbed::report {

// Okabe and Ito, "Color Universal Design": told apart by all common kinds of colour vision. Shape
// or place says the same as the colour in every plot.
inline constexpr const char* kBlue = "#0072B2";
inline constexpr const char* kOrange = "#E69F00";
inline constexpr const char* kGreen = "#009E73";
inline constexpr const char* kSky = "#56B4E9";
inline constexpr const char* kVermillion = "#D55E00";
inline constexpr const char* kPurple = "#CC79A7";
inline constexpr const char* kGrey = "#BBBBBB";

inline constexpr unsigned kPlotWidth = 900;

struct NamedRow {
    std::string name; ///< a label
    const json* row = nullptr;
};

/// A label as data: one line, printable, no longer than there is room for.
[[nodiscard]] std::string label(std::string text);

/// Each sample over its row's median, round by round: what drifts, drifts for all.
void add_drift(const std::vector<NamedRow>& rows, std::vector<Plot>& plots);

/// For each size of file and number outstanding, the share of requests that were answered within a
/// time, by method.
void add_latency(const json& document, std::vector<Plot>& plots);

} // namespace pagewire::testbed::report
