// SPDX-License-Identifier: BSD-3-Clause
#include "cli/nic_inventory.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace pagewire::cli {

namespace {

using nlohmann::json;

template<typename T>
json or_null(const std::optional<T>& value)
{
    return value ? json(*value) : json(nullptr);
}

json or_null(const std::string& text)
{
    return text.empty() ? json(nullptr) : json(text);
}

template<typename T, typename Convert>
json or_null(const std::optional<T>& value, Convert convert)
{
    return value ? convert(*value) : json(nullptr);
}

json limits_json(const nic::LimitTable& table)
{
    json document = json::object();
    for (const auto& [name, limit] : table)
        document[name] = {{"current", or_null(limit.current)}, {"max", or_null(limit.max)}};
    return document;
}

json coalescing_json(const nic::Coalescing& coalescing)
{
    json document = json::object();
    for (const auto& [name, value] : coalescing)
        std::visit([&, &key = name](auto plain) { document[key] = plain; }, value);
    return document;
}

json irqs_json(const std::vector<nic::DeviceIrq>& irqs)
{
    json document = json::array();
    for (const nic::DeviceIrq& irq : irqs)
        document.push_back({{"number", irq.number},
                            {"handler", or_null(irq.handler)},
                            {"cpus", or_null(irq.cpus)},
                            {"effective_cpus", or_null(irq.effective)}});
    return document;
}

/// As `ethtool -k` says "[fixed]": the driver forbids the change, or has no such feature to change.
bool is_fixed(const nic::Feature& feature)
{
    return feature.fixed || !feature.hw;
}

json features_json(const nic::FeatureTable& features)
{
    json document = json::object();
    for (const auto& [name, feature] : features)
        document[name] = {{"hw", feature.hw},
                          {"wanted", feature.wanted},
                          {"active", feature.active},
                          {"fixed", is_fixed(feature)}};
    return document;
}

json xdp_json(const nic::XdpDevice& xdp)
{
    if (!xdp.has_features)
        return nullptr;
    return {{"features", nic::xdp_feature_names(xdp.xdp_features)},
            {"zc_max_segs", xdp.zc_segments_max == 0 ? json(nullptr) : json(xdp.zc_segments_max)},
            {"xsk_features", nic::xsk_feature_names(xdp.xsk_features)}};
}

std::string mac_text(const core::MacAddress& mac)
{
    return fmt::format("{:02x}", fmt::join(mac, ":"));
}

// The text is written from the document, so that both say the same.

std::string plain(const json& value)
{
    if (value.is_null())
        return "-";
    if (value.is_boolean())
        return value.get<bool>() ? "on" : "off";
    return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string listed(const json& values)
{
    std::vector<std::string> words;
    std::transform(values.begin(), values.end(), std::back_inserter(words), plain);
    return words.empty() ? "none" : fmt::format("{}", fmt::join(words, " "));
}

std::string speed_text(const json& mbps)
{
    return mbps.is_null() ? "-" : fmt::format("{} Mb/s", mbps.get<std::uint32_t>());
}

/// "rx 3 of 3, tx 3 of 3"
std::string limits_text(const json& limits)
{
    std::vector<std::string> words;
    for (const auto& [name, limit] : limits.items())
        words.push_back(
            fmt::format("{} {} of {}", name, plain(limit.at("current")), plain(limit.at("max"))));
    return words.empty() ? "-" : fmt::format("{}", fmt::join(words, ", "));
}

std::string pairs_text(const json& values)
{
    std::vector<std::string> words;
    for (const auto& [name, value] : values.items())
        words.push_back(fmt::format("{} {}", name, plain(value)));
    return words.empty() ? "-" : fmt::format("{}", fmt::join(words, ", "));
}

std::string cpus_text(const json& cpus)
{
    return cpus.is_null() ? "-" : fmt::format("{}", fmt::join(cpus.get<std::vector<int>>(), ","));
}

std::string rss_text(const json& rss)
{
    if (rss.is_null())
        return "-";
    std::string text = listed(rss.at("hash_functions"));
    if (!rss.at("indirection_entries").is_null())
        text += fmt::format(", {} indirection entries", plain(rss.at("indirection_entries")));
    if (!rss.at("key_bytes").is_null())
        text += fmt::format(", key of {} bytes", plain(rss.at("key_bytes")));
    return text;
}

std::string xdp_text(const json& xdp)
{
    return xdp.is_null()
               ? "-"
               : fmt::format("{}; zc-max-segs {}; AF_XDP TX: {}", listed(xdp.at("features")),
                             plain(xdp.at("zc_max_segs")), listed(xdp.at("xsk_features")));
}

std::string timestamping_text(const json& stamps)
{
    return stamps.is_null()
               ? "-"
               : fmt::format("{}; hardware transmit {}; hardware receive {}; PHC {}",
                             listed(stamps.at("capabilities")), listed(stamps.at("tx_types")),
                             listed(stamps.at("rx_filters")), plain(stamps.at("phc_index")));
}

} // namespace

json inventory_json(const nic::Inventory& inventory)
{
    const nic::LinkFacts& facts = inventory.facts;
    const nic::LinkModes modes = inventory.modes.value_or(nic::LinkModes{});
    return {
        {"interface", inventory.interface},
        {"kind", or_null(facts.kind)},
        {"mac", mac_text(facts.mac)},
        {"mtu", facts.mtu},
        {"up", facts.up},
        {"state", facts.state},
        {"carrier", facts.up ? json(facts.carrier) : json(nullptr)},
        {"speed_mbps", or_null(modes.speed_mbps)},
        {"duplex", or_null(modes.duplex)},
        {"autoneg", or_null(modes.autoneg)},
        {"driver", or_null(inventory.driver,
                           [](const nic::DriverFacts& driver) {
                               return json{{"name", or_null(driver.driver)},
                                           {"version", or_null(driver.version)},
                                           {"firmware", or_null(driver.firmware)},
                                           {"bus", or_null(driver.bus)}};
                           })},
        {"numa_node", or_null(inventory.numa_node)},
        {"queues", {{"rx", facts.num_rx_queues}, {"tx", facts.num_tx_queues}}},
        {"channels", or_null(inventory.channels, limits_json)},
        {"rings", or_null(inventory.rings, limits_json)},
        {"coalescing", or_null(inventory.coalescing, coalescing_json)},
        {"rss", or_null(inventory.rss,
                        [](const nic::Rss& rss) {
                            return json{
                                {"indirection_entries", or_null(rss.num_indirection_entries)},
                                {"key_bytes", or_null(rss.key_bytes)},
                                {"hash_functions", rss.hash_functions}};
                        })},
        {"irqs", or_null(inventory.irqs, irqs_json)},
        {"features", features_json(inventory.features)},
        {"xdp", xdp_json(inventory.xdp)},
        {"timestamping", or_null(inventory.timestamping,
                                 [](const nic::Timestamping& stamps) {
                                     return json{{"capabilities", stamps.capabilities},
                                                 {"tx_types", stamps.tx_types},
                                                 {"rx_filters", stamps.rx_filters},
                                                 {"phc_index", or_null(stamps.phc_index)}};
                                 })},
        {"statistics", inventory.statistics},
    };
}

std::string inventory_text(const nic::Inventory& inventory)
{
    const json facts = inventory_json(inventory);
    const json driver = facts.at("driver").is_null() ? json::object() : facts.at("driver");
    const auto of_driver = [&](const char* key) { return plain(driver.value(key, json())); };
    std::string text;
    const auto line = [&](std::string_view name, const std::string& value) {
        fmt::format_to(std::back_inserter(text), "{:<13} {}\n", name, value);
    };
    line("interface", inventory.interface);
    line("driver", fmt::format("{}, version {}, firmware {}", of_driver("name"),
                               of_driver("version"), of_driver("firmware")));
    line("bus", fmt::format("{}, NUMA node {}", of_driver("bus"), plain(facts.at("numa_node"))));
    line("link",
         fmt::format("{}, {}, carrier {}, speed {}, duplex {}, MTU {}, {}",
                     facts.at("up").get<bool>() ? "up" : "down", plain(facts.at("state")),
                     plain(facts.at("carrier")), speed_text(facts.at("speed_mbps")),
                     plain(facts.at("duplex")), plain(facts.at("mtu")), plain(facts.at("mac"))));
    line("queues", pairs_text(facts.at("queues")));
    line("channels", limits_text(facts.at("channels")));
    line("rings", limits_text(facts.at("rings")));
    line("coalescing", pairs_text(facts.at("coalescing")));
    line("RSS", rss_text(facts.at("rss")));
    line("XDP", xdp_text(facts.at("xdp")));
    line("timestamping", timestamping_text(facts.at("timestamping")));
    for (const json& irq : facts.at("irqs"))
        line("interrupt", fmt::format("{} {}, CPUs {}, delivered to {}", plain(irq.at("number")),
                                      plain(irq.at("handler")), cpus_text(irq.at("cpus")),
                                      cpus_text(irq.at("effective_cpus"))));
    line("statistics", listed(facts.at("statistics")));
    constexpr const char* row = "\n{:<32} {:<4} {:<6} {:<6} {}";
    fmt::format_to(std::back_inserter(text), row, "feature", "hw", "wanted", "active", "fixed");
    for (const auto& [name, feature] : facts.at("features").items())
        fmt::format_to(std::back_inserter(text), row, name, plain(feature.at("hw")),
                       plain(feature.at("wanted")), plain(feature.at("active")),
                       feature.at("fixed").get<bool>() ? "fixed" : "-");
    return text + "\n";
}

std::string inventory_lines(std::span<const nic::Inventory> inventories)
{
    constexpr const char* row = "{:<15} {:<12} {:<14} {:<8} {:>11} {:>6} {:>5} {:>5} {:>4} {}\n";
    std::string text = fmt::format(row, "interface", "driver", "bus", "state", "speed", "MTU",
                                   "RX q", "TX q", "NUMA", "XDP");
    for (const nic::Inventory& inventory : inventories) {
        const json facts = inventory_json(inventory);
        const json& driver = facts.at("driver");
        const bool known = !driver.is_null();
        const nic::XdpDevice& xdp = inventory.xdp;
        const std::string how =
            !xdp.has_features || xdp.xdp_features == 0 ? "-"
            : xdp.has_xsk_zerocopy()
                ? fmt::format("zero-copy, zc-max-segs {}", plain(facts.at("xdp").at("zc_max_segs")))
                : "copy";
        fmt::format_to(std::back_inserter(text), row, inventory.interface,
                       known ? plain(driver.at("name")) : plain(facts.at("kind")),
                       known ? plain(driver.at("bus")) : "-", plain(facts.at("state")),
                       speed_text(facts.at("speed_mbps")), inventory.facts.mtu, xdp.num_rx_queues,
                       xdp.num_tx_queues, plain(facts.at("numa_node")), how);
    }
    return text;
}

} // namespace pagewire::cli
