// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/named.hpp"
#include "testbed/compare/rank_sum.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// Two result documents held against each other, row by row.
namespace pagewire::testbed {

struct CompareOptions {
    double threshold = 0.10;  ///< a goodput lower by less than this is no regression
    double confidence = 0.95; ///< of all rows' verdicts together
};

enum class RowChange : std::uint8_t {
    kSame,      ///< no difference that is sure and large enough to matter
    kBetter,    ///< faster by more than the threshold, or fewer copies or crossings
    kWorse,     ///< a regression
    kUndecided, ///< too few samples, or none on one side
    kMissing,   ///< the second document has no such row: a regression
    kNew,       ///< the first one has none
};

inline constexpr core::Names<RowChange, 6> kRowChangeNames{{{"same", RowChange::kSame},
                                                            {"better", RowChange::kBetter},
                                                            {"worse", RowChange::kWorse},
                                                            {"undecided", RowChange::kUndecided},
                                                            {"missing", RowChange::kMissing},
                                                            {"new", RowChange::kNew}}};

struct RowComparison {
    std::string method;
    std::string wire;
    std::string cache;
    std::string arm;        ///< empty: none
    std::string conditions; ///< those that a matrix varies, "mtu 1500"; empty: none
    RowChange change = RowChange::kSame;
    /// The ledger's and the status's differences, the worst first: a copy more is a regression
    /// however fast it is.
    std::vector<std::string> reasons;
    std::optional<double> goodput_before; ///< median, Gb/s
    std::optional<double> goodput_after;
    std::optional<RatioOfRuns> ratio; ///< after / before

    [[nodiscard]] bool is_regression() const noexcept
    {
        return change == RowChange::kWorse || change == RowChange::kMissing;
    }
};

struct Comparison {
    CompareOptions options;
    std::vector<std::string> circumstances; ///< what else differs, see circumstances_of()
    std::vector<RowComparison> rows;        ///< in the first document's order, new ones behind

    [[nodiscard]] bool has_regression() const;
};

/// "2 same, 1 undecided": how many rows of each change.
[[nodiscard]] std::string counts_text(const Comparison& comparison);

/// Both documents are valid ones of this schema; control characters of their texts become '?'.
/// Throws core::UsageError where they have no row in common.
[[nodiscard]] Comparison compare_documents(const nlohmann::json& before,
                                           const nlohmann::json& after,
                                           const CompareOptions& options);

/// For a person, 100 columns wide.
[[nodiscard]] std::string comparison_table(const Comparison& comparison);

/// Schema pagewire.compare/1.
[[nodiscard]] nlohmann::json comparison_json(const Comparison& comparison);

/// One self-contained page; `before` and `after` are the names of the documents.
[[nodiscard]] std::string comparison_page(const Comparison& comparison, const std::string& before,
                                          const std::string& after);

} // namespace pagewire::testbed
