// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/compare/rank_sum.hpp"

#include "testbed/statistics.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace pagewire::testbed {

namespace {

/// Probability of each value of the Mann-Whitney statistic U of n and m samples, under equality:
/// P(n, m, u) = n / (n + m) P(n - 1, m, u - m) + m / (n + m) P(n, m - 1, u).
std::vector<double> distribution(std::size_t n, std::size_t m)
{
    // by_n[i]: of i and j samples, j growing from row to row.
    std::vector<std::vector<double>> by_n(n + 1, std::vector<double>{1.0});
    for (std::size_t j = 1; j <= m; ++j) {
        std::vector<std::vector<double>> next(n + 1);
        next[0] = {1.0};
        for (std::size_t i = 1; i <= n; ++i) {
            const auto share = static_cast<double>(i) / static_cast<double>(i + j);
            std::vector<double> values(i * j + 1, 0.0);
            for (std::size_t u = 0; u < next[i - 1].size(); ++u)
                values[u + j] += share * next[i - 1][u];
            for (std::size_t u = 0; u < by_n[i].size(); ++u)
                values[u] += (1 - share) * by_n[i][u];
            next[i] = std::move(values);
        }
        by_n = std::move(next);
    }
    return by_n[n];
}

/// The largest k with P(U < k) at most `one_side`; 0: none.
std::size_t lower_rank(std::size_t n, std::size_t m, double one_side)
{
    double below = 0;
    std::size_t rank = 0;
    for (const double probability : distribution(n, m)) {
        below += probability;
        if (below > one_side)
            break;
        ++rank;
    }
    return rank;
}

bool all_positive(std::span<const double> samples)
{
    return std::all_of(samples.begin(), samples.end(), [](double s) { return s > 0; });
}

} // namespace

std::optional<RatioOfRuns> ratio_of_runs(std::span<const double> a, std::span<const double> b,
                                         double confidence)
{
    if (a.empty() || b.empty() || !all_positive(a) || !all_positive(b))
        return std::nullopt;
    std::vector<double> ratios;
    ratios.reserve(a.size() * b.size());
    for (const double before : a) {
        for (const double after : b)
            ratios.push_back(after / before);
    }
    std::sort(ratios.begin(), ratios.end());
    RatioOfRuns result{.estimate = median(ratios), .interval = {}};
    const std::size_t rank = lower_rank(a.size(), b.size(), (1 - confidence) / 2);
    if (rank > 0)
        result.interval = std::pair(ratios[rank - 1], ratios[ratios.size() - rank]);
    return result;
}

} // namespace pagewire::testbed
