// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/plan.hpp"
#include "testbed/plan_rules.hpp"

#include "core/error.hpp"
#include "core/rate.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The plan reader's view of toml++: for plan.cpp and plan_file.cpp only.
namespace pagewire::testbed {

/// Control characters as \xNN: a message quotes what the file holds, and stays one line.
[[nodiscard]] std::string one_line(std::string_view words);

/// "file:line:column: words", on one line.
[[nodiscard]] core::UsageError error_at(const toml::source_region& place, std::string_view words);

/// What stands behind one key, asked for as what it must be. Every function throws core::UsageError
/// with the place and the key's name when it is something else, or out of its limits.
class Value {
  public:
    /// `key` is the whole name: "run.rounds", "run.methods[1]".
    Value(std::string key, const toml::node& node) : key_(std::move(key)), node_(node) {}

    [[nodiscard]] const std::string& key() const noexcept { return key_; }

    [[nodiscard]] const toml::node& node() const noexcept { return node_; }

    [[nodiscard]] core::UsageError error(std::string_view words) const;

    /// `expected` says what the key must be, for the message: "a table, [run]".
    [[nodiscard]] const toml::table& table(std::string_view expected) const;
    [[nodiscard]] std::vector<Value> elements(std::string_view expected) const;

    /// What `read` makes of the value, or of each element where it is an array: `one` gets the
    /// first, `all` all where they are several. None, and one that stands there twice, is an error.
    template<typename T, typename Read>
    void values(T& one, std::vector<T>& all, Read read) const
    {
        all.clear();
        if (!node_.is_array()) {
            one = read(*this);
            return;
        }
        for (const Value& element : elements("an array")) {
            const T value = read(element);
            if (std::find(all.begin(), all.end(), value) != all.end())
                throw element.error("stands there twice: leave one away");
            all.push_back(value);
        }
        if (all.empty())
            throw error("is empty: write a value, or leave the key away");
        one = all.front();
        if (all.size() == 1)
            all.clear();
    }

    [[nodiscard]] bool flag() const;
    [[nodiscard]] std::string text() const;

    /// A string that is not empty.
    [[nodiscard]] std::string name() const;

    /// What `parse` makes of the string; its UsageError gains the place and the key.
    template<typename Parse>
    [[nodiscard]] auto parsed(Parse parse) const
    {
        const std::string words = text();
        try {
            return parse(words);
        } catch (const core::UsageError& e) {
            throw error(e.what());
        }
    }

    /// T holds whatever the limits let through.
    template<typename T = std::uint64_t>
    [[nodiscard]] T integer(const Limits& limits) const
    {
        return static_cast<T>(checked_integer(limits, "an integer"));
    }

    /// Bytes: an integer, or a string such as "64 KiB".
    template<typename T = std::uint64_t>
    [[nodiscard]] T size(const Limits& limits) const
    {
        return static_cast<T>(checked_size(limits));
    }

    /// A number of Gb/s, or a string such as "1.5Mpps".
    [[nodiscard]] core::Rate rate() const;

  private:
    template<typename Typed>
    const Typed& typed(const Typed* node, std::string_view expected) const
    {
        if (node == nullptr)
            throw wrong_type(expected);
        return *node;
    }

    [[nodiscard]] core::UsageError wrong_type(std::string_view expected) const;
    [[nodiscard]] std::uint64_t checked_integer(const Limits& limits,
                                                std::string_view expected) const;
    [[nodiscard]] std::uint64_t checked_size(const Limits& limits) const;

    std::string key_;
    const toml::node& node_;
};

/// Lays what the tables of a plan say over `plan`.
void read_plan(Plan& plan, const toml::table& root);

} // namespace pagewire::testbed
