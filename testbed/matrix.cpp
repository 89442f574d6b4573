// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/matrix.hpp"

#include "core/units.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pagewire::testbed {

namespace {

template<typename T>
bool agree(const std::optional<T>& one, const std::optional<T>& other)
{
    return !one || !other || *one == *other;
}

/// Each of the settings once for each value; `set` puts the value into the setting.
template<typename T, typename Set>
void vary(std::vector<Plan>& settings, const std::vector<T>& values, Set set)
{
    if (values.empty())
        return;
    std::vector<Plan> varied;
    varied.reserve(settings.size() * values.size());
    for (const Plan& setting : settings) {
        for (const T& value : values) {
            varied.push_back(setting);
            set(varied.back(), value);
        }
    }
    settings = std::move(varied);
}

/// Calls `see` with each key of the matrix and its number of values.
template<typename See>
void each_key(const Matrix& matrix, See see)
{
    see(VariedKey{"file.size", "file_bytes"}, matrix.generated_bytes.size());
    see(VariedKey{"file.length", "file_bytes"}, matrix.length.size());
    see(VariedKey{"link.mtu", "mtu"}, matrix.mtu.size());
    see(VariedKey{"run.chunk", "chunk_bytes"}, matrix.chunk_bytes.size());
    see(VariedKey{"dataplane.queues", "queues"}, matrix.num_queues.size());
    see(VariedKey{"dataplane.rate", "rate"}, matrix.rate.size());
}

} // namespace

bool agree(const Conditions& one, const Conditions& other)
{
    return one.file_bytes == other.file_bytes && one.mtu == other.mtu &&
           agree(one.chunk_bytes, other.chunk_bytes) && agree(one.num_queues, other.num_queues) &&
           agree(one.rate, other.rate);
}

std::string condition_text(const Conditions& conditions, std::string_view name)
{
    if (name == "file_bytes")
        return core::format_bytes(conditions.file_bytes);
    if (name == "mtu")
        return fmt::format("MTU {}", conditions.mtu);
    if (name == "chunk_bytes" && conditions.chunk_bytes)
        return fmt::format("chunk {}", core::format_bytes(*conditions.chunk_bytes));
    if (name == "queues" && conditions.num_queues)
        return fmt::format("{} queue{}", *conditions.num_queues,
                           *conditions.num_queues == 1 ? "" : "s");
    if (name == "rate" && conditions.rate)
        return core::format_rate(*conditions.rate);
    return {};
}

Conditions conditions_of(const core::Method& method, const Plan& setting, std::uint64_t file_bytes,
                         std::uint32_t mtu)
{
    Conditions conditions;
    conditions.file_bytes = file_bytes;
    conditions.mtu = mtu;
    if (method.has_chunks)
        conditions.chunk_bytes = setting.chunk_bytes;
    if (method.has_queues)
        conditions.num_queues = setting.dataplane.num_queues;
    if (method.wire == core::Wire::kUdp)
        conditions.rate = setting.dataplane.rate;
    return conditions;
}

std::size_t num_settings(const Plan& plan)
{
    std::size_t number = 1;
    each_key(plan.matrix, [&](const VariedKey&, std::size_t num_values) {
        // Lists come from a file of a mebibyte at most, and six of them do not wrap 64 bits before
        // this limit stops them.
        if (number <= kMaxSettings)
            number *= std::max<std::size_t>(num_values, 1);
    });
    return number;
}

std::vector<Plan> settings(const Plan& plan)
{
    std::vector<Plan> all{plan};
    all.front().matrix = {};
    const Matrix& matrix = plan.matrix;
    vary(all, matrix.generated_bytes, [](Plan& p, std::uint64_t v) { p.generated_bytes = v; });
    vary(all, matrix.length, [](Plan& p, std::uint64_t v) { p.length = v; });
    vary(all, matrix.mtu, [](Plan& p, std::uint32_t v) { p.mtu = v; });
    vary(all, matrix.chunk_bytes, [](Plan& p, std::uint64_t v) { p.chunk_bytes = v; });
    vary(all, matrix.num_queues, [](Plan& p, std::uint32_t v) { p.dataplane.num_queues = v; });
    vary(all, matrix.rate, [](Plan& p, const core::Rate& v) { p.dataplane.rate = v; });
    return all;
}

std::vector<VariedKey> varied_keys(const Matrix& matrix)
{
    std::vector<VariedKey> keys;
    each_key(matrix, [&](const VariedKey& key, std::size_t num_values) {
        if (num_values > 1)
            keys.push_back(key);
    });
    return keys;
}

} // namespace pagewire::testbed
