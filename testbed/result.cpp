// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/result.hpp"

#include "testbed/statistics.hpp"

#include <algorithm>

namespace pagewire::testbed {

std::string Row::status() const
{
    if (!skipped.empty())
        return "skipped";
    const bool failed = std::any_of(samples.begin(), samples.end(),
                                    [](const Sample& s) { return !s.error.empty(); });
    return failed ? "failed" : "ok";
}

std::string Row::reason() const
{
    if (!skipped.empty())
        return skipped;
    for (const Sample& sample : samples) {
        if (!sample.error.empty())
            return sample.error;
    }
    return samples.empty() ? std::string{} : samples.front().remark;
}

std::vector<double> Row::goodputs() const
{
    std::vector<double> values;
    for (const Sample* sample : timed())
        values.push_back(sample->goodput_gbps);
    return values;
}

std::vector<const Sample*> Row::timed() const
{
    std::vector<const Sample*> good;
    for (const Sample& sample : samples) {
        if (sample.error.empty() && !(timed_apart && sample.watched))
            good.push_back(&sample);
    }
    return good;
}

bool RunResult::any_failed() const
{
    const auto failed = [](const auto& row) { return row.status() == "failed"; };
    return std::any_of(rows.begin(), rows.end(), failed) ||
           std::any_of(latency.begin(), latency.end(), failed);
}

bool RunResult::nothing_measured() const
{
    return std::all_of(rows.begin(), rows.end(),
                       [](const Row& row) { return !row.skipped.empty(); });
}

std::optional<double> Ceilings::disk_gbps(const Conditions& conditions) const
{
    for (const MeasuredCeiling& ceiling : measured) {
        if (ceiling.is_disk && ceiling.conditions.file_bytes == conditions.file_bytes)
            return ceiling.gbps;
    }
    return std::nullopt;
}

std::optional<double> Ceilings::wire_gbps(std::string_view engine,
                                          const Conditions& conditions) const
{
    for (const MeasuredCeiling& ceiling : measured) {
        if (!ceiling.is_disk && ceiling.engine == engine &&
            ceiling.conditions.mtu == conditions.mtu &&
            ceiling.conditions.num_queues == conditions.num_queues)
            return ceiling.gbps;
    }
    return std::nullopt;
}

std::optional<CeilingShare> share_of_ceiling(const Row& row, const Ceilings& ceilings)
{
    const std::vector<double> goodputs = row.goodputs();
    if (goodputs.empty() || row.method->is_ceiling)
        return std::nullopt;
    std::optional<CeilingShare> nearest;
    const auto consider = [&](const std::string& name, const std::optional<double>& gbps) {
        const double ratio = gbps && *gbps > 0 ? median(goodputs) / *gbps : 0;
        if (ratio > 0 && (!nearest || ratio > nearest->ratio))
            nearest = CeilingShare{.ceiling = name, .ratio = ratio};
    };
    consider("memcpy", ceilings.memcpy_gbps);
    if (row.cache == CacheState::kCold || row.method->needs_direct_io)
        consider("disk", ceilings.disk_gbps(row.conditions));
    consider("wire", ceilings.wire_gbps(row.method->name, row.conditions));
    return nearest;
}

} // namespace pagewire::testbed
