// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/baseline.hpp"

#include <vector>

namespace pagewire::testbed {

const Row* baseline_of(const Row& row, std::span<const Row> rows, std::string_view method)
{
    if (row.method->name == method)
        return nullptr;
    const Row* first = nullptr;
    for (const Row& candidate : rows) {
        if (candidate.method->name != method || candidate.cache != row.cache ||
            !agree(candidate.conditions, row.conditions))
            continue;
        if (candidate.arm == row.arm)
            return &candidate;
        if (first == nullptr)
            first = &candidate;
    }
    return first;
}

std::optional<BaselineRatio> against_baseline(const Row& row, std::span<const Row> rows,
                                              std::string_view method)
{
    const Row* baseline = baseline_of(row, rows, method);
    if (baseline == nullptr)
        return std::nullopt;
    std::vector<double> ratios;
    for (const Sample* mine : row.timed()) {
        for (const Sample* theirs : baseline->timed()) {
            if (theirs->round == mine->round && theirs->goodput_gbps > 0)
                ratios.push_back(mine->goodput_gbps / theirs->goodput_gbps);
        }
    }
    const auto ratio = ratio_of_pairs(ratios);
    if (!ratio)
        return std::nullopt;
    return BaselineRatio{.baseline = baseline, .ratio = *ratio};
}

} // namespace pagewire::testbed
