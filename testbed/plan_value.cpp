// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/plan_value.hpp"

#include "core/units.hpp"

#include <iterator>

namespace pagewire::testbed {

using core::UsageError;

namespace {

std::string_view type_words(toml::node_type type)
{
    switch (type) {
    case toml::node_type::none:
        return "nothing";
    case toml::node_type::table:
        return "a table";
    case toml::node_type::array:
        return "an array";
    case toml::node_type::string:
        return "a string";
    case toml::node_type::integer:
        return "an integer";
    case toml::node_type::floating_point:
        return "a floating-point number";
    case toml::node_type::boolean:
        return "a boolean";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
        return "a date or a time";
    }
    return {};
}

} // namespace

std::string one_line(std::string_view words)
{
    std::string line;
    for (const char c : words) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet < 0x20 || octet == 0x7f)
            fmt::format_to(std::back_inserter(line), "\\x{:02x}", octet);
        else
            line += c;
    }
    return line;
}

UsageError error_at(const toml::source_region& place, std::string_view words)
{
    // toml++ leaves the path out when parse_plan() was given an empty name.
    return UsageError(fmt::format("{}:{}:{}: {}", place.path ? *place.path : "", place.begin.line,
                                  place.begin.column, one_line(words)));
}

UsageError Value::error(std::string_view words) const
{
    return error_at(node_.source(), fmt::format("{}: {}", key_, words));
}

UsageError Value::wrong_type(std::string_view expected) const
{
    return error(fmt::format("must be {}, and is {}", expected, type_words(node_.type())));
}

const toml::table& Value::table(std::string_view expected) const
{
    return typed(node_.as_table(), expected);
}

std::vector<Value> Value::elements(std::string_view expected) const
{
    std::vector<Value> elements;
    for (const toml::node& node : typed(node_.as_array(), expected))
        elements.emplace_back(fmt::format("{}[{}]", key_, elements.size()), node);
    return elements;
}

bool Value::flag() const
{
    return typed(node_.as_boolean(), "true or false").get();
}

std::string Value::text() const
{
    const std::string& text = typed(node_.as_string(), "a string").get();
    // Names go to system calls, where a NUL would cut them short.
    if (text.find('\0') != std::string::npos)
        throw error("holds a NUL character: leave it away");
    return text;
}

std::string Value::name() const
{
    std::string name = text();
    if (name.empty())
        throw error("is empty: write a name, or leave the key away");
    return name;
}

std::uint64_t Value::checked_integer(const Limits& limits, std::string_view expected) const
{
    const std::int64_t integer = typed(node_.as_integer(), expected).get();
    if (integer < 0 || !fits(static_cast<std::uint64_t>(integer), limits))
        throw error(fmt::format("{} is not possible: {}", integer, advice(limits)));
    return static_cast<std::uint64_t>(integer);
}

std::uint64_t Value::checked_size(const Limits& limits) const
{
    if (!node_.is_string())
        return checked_integer(limits, "a size (\"64 KiB\", or an integer of bytes)");
    const std::uint64_t bytes = parsed(core::parse_bytes);
    if (!fits(bytes, limits))
        throw error(fmt::format("{:?} is not possible: {}", text(), advice(limits)));
    return bytes;
}

core::Rate Value::rate() const
{
    if (node_.is_string())
        return parsed(core::parse_rate);
    const double gbps = node_.is_integer()
                            ? static_cast<double>(node_.as_integer()->get())
                            : typed(node_.as_floating_point(), "a number or a string").get();
    const core::Rate rate{.gbps = gbps};
    if (!rate.is_valid())
        throw error(fmt::format("{} is not possible: {}", gbps, core::kRateAdvice));
    return rate;
}

} // namespace pagewire::testbed
