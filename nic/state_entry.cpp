// SPDX-License-Identifier: BSD-3-Clause
#include "nic/state_entry.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <net/if.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

namespace pagewire::nic {

namespace {

using nlohmann::json;
using Kind = DeviceChange::Kind;

constexpr std::string_view kSchema = "pagewire.nic-state/1";

constexpr std::array<std::pair<std::string_view, Kind>, 6> kKinds{{
    {"features", Kind::kFeatures},
    {"mtu", Kind::kMtu},
    {"up", Kind::kUp},
    {"rings", Kind::kRings},
    {"hw_timestamping", Kind::kHwTimestamping},
    {"address", Kind::kAddress},
}};

constexpr std::array<std::pair<const char*, bool Feature::*>, 4> kFlags{{
    {"hw", &Feature::hw},
    {"wanted", &Feature::wanted},
    {"active", &Feature::active},
    {"fixed", &Feature::fixed},
}};

[[noreturn]] void damaged(std::string_view what)
{
    throw core::UsageError(fmt::format("damaged: {}", what));
}

/// nlohmann-json's conversions cut a number to the type that is asked for; this one refuses it.
std::uint32_t number(const json& value, std::string_view what)
{
    if (!value.is_number_unsigned() ||
        value.get<std::uint64_t>() > std::numeric_limits<std::uint32_t>::max())
        damaged(fmt::format("{} is no number of 32 bits", what));
    return value.get<std::uint32_t>();
}

/// Words that are printed in one line, and in commands for a shell.
std::string word(const json& value, std::string_view what)
{
    auto text = value.get<std::string>();
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-_.:@+").find(c) != std::string_view::npos;
    };
    if (text.empty() || !std::all_of(text.begin(), text.end(), plain))
        damaged(fmt::format("{} is no plain word", what));
    return text;
}

std::string mac_text(const core::MacAddress& mac)
{
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3],
                       mac[4], mac[5]);
}

core::MacAddress read_mac(const json& value)
{
    constexpr std::size_t digits = 2;
    const auto text = value.get<std::string>();
    core::MacAddress mac{};
    if (text.size() != mac.size() * (digits + 1) - 1)
        damaged("mac is no hardware address");
    for (std::size_t i = 0; i < mac.size(); ++i) {
        const char* const first = text.data() + i * (digits + 1);
        const auto [stop, error] = std::from_chars(first, first + digits, mac[i], 16);
        if (error != std::errc{} || stop != first + digits || (i + 1 < mac.size() && *stop != ':'))
            damaged("mac is no hardware address");
    }
    return mac;
}

json features_json(const FeatureTable& features)
{
    json table = json::object();
    for (const auto& [name, feature] : features) {
        json flags = json::array();
        for (const auto& [flag, member] : kFlags) {
            if (feature.*member)
                flags.push_back(flag);
        }
        table[name] = std::move(flags);
    }
    return table;
}

Feature read_feature(const json& flags)
{
    Feature feature;
    for (const json& flag : flags) {
        const auto found = std::find_if(kFlags.begin(), kFlags.end(),
                                        [&](const auto& known) { return flag == known.first; });
        if (!flags.is_array() || found == kFlags.end())
            damaged("a feature has an unknown flag");
        feature.*(found->second) = true;
    }
    return feature;
}

FeatureTable read_feature_table(const json& table)
{
    FeatureTable features;
    for (const auto& [name, flags] : table.get_ref<const json::object_t&>())
        features.emplace(word(name, "a feature's name"), read_feature(flags));
    return features;
}

json rings_json(const std::optional<RingSettings>& rings)
{
    return rings ? json(*rings) : json();
}

std::optional<RingSettings> read_rings_of(const json& value)
{
    if (value.is_null())
        return std::nullopt;
    RingSettings rings;
    for (const auto& [name, length] : value.get_ref<const json::object_t&>())
        rings.emplace(word(name, "a ring's name"), number(length, "a ring's length"));
    return rings;
}

json timestamping_json(const std::optional<HwTimestamping>& config)
{
    if (!config)
        return {};
    return {
        {"flags", config->flags}, {"tx_type", config->tx_type}, {"rx_filter", config->rx_filter}};
}

std::optional<HwTimestamping> read_timestamping(const json& value)
{
    if (value.is_null())
        return std::nullopt;
    return HwTimestamping{.flags = number(value.at("flags"), "flags"),
                          .tx_type = number(value.at("tx_type"), "tx_type"),
                          .rx_filter = number(value.at("rx_filter"), "rx_filter")};
}

StateEntry read_head(const json& head)
{
    if (head.at("schema") != kSchema)
        damaged(fmt::format("its schema is not {}", kSchema));
    StateEntry entry;
    entry.interface = word(head.at("interface"), "interface");
    if (entry.interface.size() >= IFNAMSIZ)
        damaged("interface is no interface's name");
    entry.netns = number(head.at("netns"), "netns");
    entry.boot_id = word(head.at("boot_id"), "boot_id");
    entry.pid = static_cast<int>(number(head.at("pid"), "pid"));
    entry.before = {.identity = {.ifindex = number(head.at("ifindex"), "ifindex"),
                                 .mac = read_mac(head.at("mac"))},
                    .mtu = number(head.at("mtu"), "mtu"),
                    .up = head.at("up").get<bool>(),
                    .features = read_feature_table(head.at("features")),
                    .rings = read_rings_of(head.at("rings")),
                    .hw_timestamping = read_timestamping(head.at("hw_timestamping"))};
    return entry;
}

DeviceChange read_change(const json& line, const DeviceState& before)
{
    const auto name = line.at("change").get<std::string>();
    const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                   [&](const auto& known) { return known.first == name; });
    if (kind == kKinds.end())
        damaged("it tells a change of an unknown kind");
    DeviceChange change{.kind = kind->second};
    if (change.kind == Kind::kFeatures) {
        for (const auto& [feature, on] : line.at("was").get_ref<const json::object_t&>()) {
            if (!before.features.contains(feature))
                damaged("it tells a change of a feature that it does not tell the state of");
            change.features.emplace(feature, on.get<bool>());
        }
    }
    if (change.kind == Kind::kAddress) {
        change.address = parse_interface_address(line.at("added").get<std::string>());
        if (!change.address)
            damaged("it tells an address that is none");
    }
    return change;
}

} // namespace

std::string entry_head(const StateEntry& entry)
{
    const DeviceState& before = entry.before;
    const json head{{"schema", kSchema},
                    {"interface", entry.interface},
                    {"ifindex", before.identity.ifindex},
                    {"mac", mac_text(before.identity.mac)},
                    {"netns", entry.netns},
                    {"boot_id", entry.boot_id},
                    {"pid", entry.pid},
                    {"mtu", before.mtu},
                    {"up", before.up},
                    {"features", features_json(before.features)},
                    {"rings", rings_json(before.rings)},
                    {"hw_timestamping", timestamping_json(before.hw_timestamping)}};
    return head.dump() + "\n";
}

std::string entry_line(const DeviceChange& change)
{
    const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                   [&](const auto& known) { return known.second == change.kind; });
    json line{{"change", kind->first}};
    if (change.kind == Kind::kFeatures)
        line["was"] = change.features;
    if (change.kind == Kind::kAddress)
        line["added"] = format_interface_address(*change.address);
    return line.dump() + "\n";
}

std::optional<StateEntry> parse_state_entry(std::string_view text)
{
    std::optional<StateEntry> entry;
    try {
        for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
            const json line = json::parse(text.substr(0, end));
            text.remove_prefix(end + 1);
            if (!entry)
                entry = read_head(line);
            else
                entry->changes.push_back(read_change(line, entry->before));
        }
    } catch (const json::exception&) { // its words quote what may be no text at all
        damaged("a line is not what pagewire writes");
    }
    return entry;
}

} // namespace pagewire::nic
