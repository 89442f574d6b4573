// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/latency/latency_row.hpp"

#include "core/error.hpp"
#include "testbed/transfer.hpp"

#include <fmt/format.h>

namespace pagewire::testbed {

namespace {

/// The client's word, which may come from another machine. Throws core::UsageError.
LatencyHistogram histogram_of(const AskedNote& note)
{
    return LatencyHistogram::of(note.histogram, note.latency_ns_min, note.latency_ns_max);
}

} // namespace

void LatencyRow::add(const Burst& burst)
{
    verified = burst.client.verified && (verified || num_bursts == 0);
    ++num_bursts;
    blocks_good += burst.client.blocks_good;
    blocks_bad += burst.client.blocks_bad;
    std::string why = burst.error;
    if (why.empty()) {
        try {
            histogram.merge(histogram_of(burst.client));
            num_answered += burst.client.num_answered;
            elapsed_ns += burst.client.elapsed_ns;
        } catch (const core::UsageError& e) {
            why = fmt::format("client: {}", e.what());
        }
    }
    if (error.empty())
        error = why;
}

std::string LatencyRow::status() const
{
    if (!skipped.empty())
        return "skipped";
    return error.empty() ? "ok" : "failed";
}

const std::string& LatencyRow::reason() const
{
    return skipped.empty() ? error : skipped;
}

} // namespace pagewire::testbed
