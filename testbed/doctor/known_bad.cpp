// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/doctor/known_bad.hpp"

#include "core/error.hpp"
#include "core/named.hpp"
#include "testbed/doctor/known_bad_table.hpp" // generated

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>

namespace pagewire::testbed::doctor {

namespace {

constexpr core::Names<KnownBad::Needs, 2> kNeedsNames = {{
    {"xsk-zerocopy", KnownBad::Needs::kXskZerocopy},
    {"napi-tx-off", KnownBad::Needs::kNapiTxOff},
}};

constexpr core::Names<Severity, 3> kSeverities = {{
    {"note", Severity::kNote},
    {"warning", Severity::kWarning},
    {"error", Severity::kError},
}};

constexpr std::array<std::string_view, 9> kKeys = {
    "driver", "kernel_from", "kernel_before", "needs", "severity", "what", "why", "fix", "source"};

/// Reads one entry's keys; every complaint names the entry.
class Entry {
  public:
    Entry(const toml::table& table, std::size_t number) : table_(table), number_(number)
    {
        for (const auto& [key, value] : table_) {
            if (std::find(kKeys.begin(), kKeys.end(), key.str()) == kKeys.end())
                refuse(key.str(), "unknown key");
        }
    }

    [[nodiscard]] std::string text(std::string_view key) const
    {
        auto value = table_[key].value<std::string>();
        if (!value || value->empty())
            refuse(key, "a text is needed");
        return *std::move(value);
    }

    [[nodiscard]] std::optional<KernelVersion> version(std::string_view key) const
    {
        if (!table_.contains(key))
            return std::nullopt;
        const auto version = parse_kernel_version(text(key));
        if (!version)
            refuse(key, "a kernel release is needed, as \"6.11\"");
        return version;
    }

    template<typename T, std::size_t N>
    [[nodiscard]] T choice(std::string_view key, const core::Names<T, N>& names) const
    {
        const std::string word = text(key);
        for (const auto& [name, value] : names) {
            if (name == word)
                return value;
        }
        refuse(key, fmt::format("\"{}\" is none of its words", word));
    }

    [[nodiscard]] bool has(std::string_view key) const { return table_.contains(key); }

  private:
    [[noreturn]] void refuse(std::string_view key, std::string_view what) const
    {
        throw core::UsageError(
            fmt::format("known-bad combination {}, key \"{}\": {}", number_, key, what));
    }

    const toml::table& table_;
    std::size_t number_;
};

KnownBad parse_entry(const toml::table& table, std::size_t number)
{
    const Entry entry(table, number);
    return {.driver = entry.text("driver"),
            .kernel_from = entry.version("kernel_from"),
            .kernel_before = entry.version("kernel_before"),
            .needs =
                entry.has("needs") ? entry.choice("needs", kNeedsNames) : KnownBad::Needs::kNothing,
            .severity = entry.choice("severity", kSeverities),
            .what = entry.text("what"),
            .why = entry.text("why"),
            .fix = entry.text("fix"),
            .source = entry.text("source")};
}

bool has_what_it_needs(const Nic& nic, KnownBad::Needs needs)
{
    switch (needs) {
    case KnownBad::Needs::kNothing:
        return true;
    case KnownBad::Needs::kXskZerocopy:
        return nic.xsk_zerocopy;
    case KnownBad::Needs::kNapiTxOff:
        return nic.napi_tx == false;
    }
    return false;
}

} // namespace

bool KnownBad::matches(const Nic& nic, const std::optional<KernelVersion>& kernel) const
{
    if (nic.driver != driver || !has_what_it_needs(nic, needs))
        return false;
    if (!kernel)
        return true;
    return (!kernel_from || !(*kernel < *kernel_from)) &&
           (!kernel_before || *kernel < *kernel_before);
}

std::vector<KnownBad> parse_known_bad(std::string_view toml)
{
    std::vector<KnownBad> entries;
    try {
        const toml::table document = toml::parse(toml);
        const toml::array* list = document["combination"].as_array();
        for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
            const toml::table* table = (*list)[i].as_table();
            if (table == nullptr)
                throw core::UsageError("known-bad combinations: not a list of tables");
            entries.push_back(parse_entry(*table, i + 1));
        }
    } catch (const toml::parse_error& error) {
        throw core::UsageError(fmt::format("known-bad combinations, line {}: {}",
                                           error.source().begin.line, error.description()));
    }
    return entries;
}

const std::vector<KnownBad>& known_bad()
{
    static const std::vector<KnownBad> entries = parse_known_bad(kKnownBadToml);
    return entries;
}

} // namespace pagewire::testbed::doctor
