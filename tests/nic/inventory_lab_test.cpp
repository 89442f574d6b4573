// SPDX-License-Identifier: BSD-3-Clause

/// `pagewire nic show` against ethtool's word on the same device: a veth pair, and what the machine
/// has. Needs root, and fails without.

#include "core/system_root.hpp"
#include "nic/inventory.hpp"
#include "tests/nic/veth_fixture.hpp"
#include "tests/support/command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace pagewire::nic {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct ClosePipe {
    void operator()(std::FILE* pipe) const { ::pclose(pipe); }
};

/// ethtool's standard output; empty where the device does not have what is asked for.
std::string ethtool(const NetNamespace& netns, const std::string& args)
{
    const NetNamespace::Visit visit(netns);
    const std::string command = "ethtool " + args + " 2>/dev/null";
    const std::unique_ptr<std::FILE, ClosePipe> pipe(
        ::popen(command.c_str(), "r")); // NOLINT(cert-env33-c)
    std::string text;
    std::array<char, 4096> piece{};
    while (pipe && std::fgets(piece.data(), piece.size(), pipe.get()) != nullptr)
        text += piece.data();
    return text;
}

tests::CommandResult show(const NetNamespace& netns, std::vector<std::string> args)
{
    args.insert(args.begin(), {"nic", "show"});
    return tests::run_command(args, [&] { netns.enter(); });
}

json shown(const NetNamespace& netns, const std::string& interface)
{
    const auto result = show(netns, {interface, "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out, nullptr, false);
}

json or_null(const std::string& text)
{
    return text.empty() ? json(nullptr) : json(text);
}

/// ethtool -k has old names for some features, and headings that are the sum of several.
const std::map<std::string, std::string> kOldNames = {
    {"rx-checksumming", "rx-checksum"},
    {"generic-segmentation-offload", "tx-generic-segmentation"},
    {"generic-receive-offload", "rx-gro"},
    {"large-receive-offload", "rx-lro"},
    {"rx-vlan-offload", "rx-vlan-hw-parse"},
    {"tx-vlan-offload", "tx-vlan-hw-insert"},
    {"ntuple-filters", "rx-ntuple-filter"},
    {"receive-hashing", "rx-hashing"},
    {"tx-checksumming", ""},
    {"scatter-gather", ""},
    {"tcp-segmentation-offload", ""},
};

/// "name: off [requested on]", "name: on [fixed]"
json features_by_ethtool(const std::string& text)
{
    json features = json::object();
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto colon = line.find(": ");
        if (colon == std::string::npos)
            continue;
        std::string name = line.substr(line.find_first_not_of(" \t"));
        name.resize(name.find(':'));
        if (const auto old = kOldNames.find(name); old != kOldNames.end())
            name = old->second;
        if (name.empty())
            continue;
        const std::string state = line.substr(colon + 2);
        const bool active = state.rfind("on", 0) == 0;
        features[name] = {{"active", active},
                          {"fixed", state.find("[fixed]") != std::string::npos}};
        if (state.find("[requested ") != std::string::npos)
            features[name]["wanted"] = !active;
    }
    return features;
}

void expect_features(const json& shown, const std::string& by_ethtool)
{
    const json expected = features_by_ethtool(by_ethtool);
    EXPECT_GT(expected.size(), 40U) << by_ethtool;
    EXPECT_EQ(shown.size(), expected.size());
    for (const auto& [name, feature] : expected.items()) {
        ASSERT_TRUE(shown.contains(name)) << name;
        for (const auto& [key, value] : feature.items())
            EXPECT_EQ(shown.at(name).at(key), value) << name << ' ' << key;
    }
}

/// The number behind "RX:" in one half of what -l and -g print; null for "n/a".
json number_in(const std::string& half, const std::string& key)
{
    const std::string text = core::value_of(half, key).value_or("no such line");
    return text == "n/a" ? json(nullptr) : json::parse(text, nullptr, false);
}

/// "Pre-set maximums:", "Current hardware settings:"
void expect_limits(const json& shown, const std::string& by_ethtool,
                   const std::map<std::string, std::string>& names)
{
    const auto middle = by_ethtool.find("Current hardware settings:");
    if (middle == std::string::npos) {
        EXPECT_TRUE(shown.is_null()) << "ethtool says that there are none: " << shown;
        return;
    }
    for (const auto& [key, name] : names) {
        const json none = {{"max", nullptr}, {"current", nullptr}};
        const json limit = shown.value(name, none);
        EXPECT_EQ(limit.at("max"), number_in(by_ethtool.substr(0, middle), key)) << name;
        EXPECT_EQ(limit.at("current"), number_in(by_ethtool.substr(middle), key)) << name;
    }
}

void expect_driver(const json& shown, const std::string& by_ethtool)
{
    if (by_ethtool.empty()) {
        EXPECT_TRUE(shown.is_null()) << "ethtool says that there is none: " << shown;
        return;
    }
    const auto fact = [&](const char* key) {
        return or_null(core::value_of(by_ethtool, key).value_or("no such line"));
    };
    EXPECT_EQ(shown.at("name"), fact("driver"));
    EXPECT_EQ(shown.at("version"), fact("version"));
    EXPECT_EQ(shown.at("firmware"), fact("firmware-version"));
    EXPECT_EQ(shown.at("bus"), fact("bus-info"));
}

void expect_as_ethtool_says(const NetNamespace& netns, const std::string& interface)
{
    const json facts = shown(netns, interface);
    ASSERT_TRUE(facts.is_object()) << interface;
    expect_features(facts.at("features"), ethtool(netns, "-k " + interface));
    expect_limits(facts.at("channels"), ethtool(netns, "-l " + interface),
                  {{"RX", "rx"}, {"TX", "tx"}, {"Other", "other"}, {"Combined", "combined"}});
    expect_limits(facts.at("rings"), ethtool(netns, "-g " + interface),
                  {{"RX", "rx"}, {"RX Mini", "rx-mini"}, {"RX Jumbo", "rx-jumbo"}, {"TX", "tx"}});
    expect_driver(facts.at("driver"), ethtool(netns, "-i " + interface));
    const std::string statistics = ethtool(netns, "-S " + interface);
    for (const std::string name : facts.at("statistics"))
        EXPECT_THAT(statistics, HasSubstr(' ' + name + ": "));
}

class InventoryTest : public VethTest {};

TEST_F(InventoryTest, VethIsAsEthtoolSays)
{
    connect();
    expect_as_ethtool_says(near_, kNearName);
    // Current and most, wanted and active are no more the same.
    run_inside(near_, "ethtool -L pwnear rx 2 tx 1");
    run_inside(near_, "ethtool -K pwnear sg off gro on");
    expect_as_ethtool_says(near_, kNearName);
    const json facts = shown(near_, kNearName);
    EXPECT_EQ(facts.at("channels").at("rx"), (json{{"current", 2}, {"max", 3}}));
    EXPECT_EQ(facts.at("features").at("tx-tcp-segmentation"),
              (json{{"hw", true}, {"wanted", true}, {"active", false}, {"fixed", false}}));
    EXPECT_EQ(shown(far_, kFarName).at("channels").at("rx").at("current"), 3);
}

TEST_F(InventoryTest, LinkOfAVeth)
{
    json facts = shown(near_, kNearName);
    EXPECT_EQ(facts.at("kind"), "veth");
    EXPECT_EQ(facts.at("mtu"), 9000);
    EXPECT_EQ(facts.at("up"), false);
    EXPECT_EQ(facts.at("state"), "down");
    EXPECT_TRUE(facts.at("carrier").is_null()) << "not told of a link that is down";
    EXPECT_EQ(facts.at("queues"), (json{{"rx", 3}, {"tx", 3}}));
    for (const char* absent : {"irqs", "numa_node", "rings", "coalescing", "rss"})
        EXPECT_TRUE(facts.at(absent).is_null()) << absent << ": no hardware";
    EXPECT_THAT(facts.at("statistics"), testing::Contains("rx_queue_2_xdp_packets"));

    set_link_up(near_, kNearName);
    EXPECT_EQ(shown(near_, kNearName).at("carrier"), false) << "the peer is down";
    set_link_up(far_, kFarName);
    facts = shown(near_, kNearName);
    EXPECT_EQ(facts.at("carrier"), true);
    EXPECT_EQ(facts.at("state"), "up");
}

TEST_F(InventoryTest, AllInterfacesALineEach)
{
    const auto table = show(near_, {});
    EXPECT_EQ(table.exit_code, 0) << table.err;
    EXPECT_EQ(std::count(table.out.begin(), table.out.end(), '\n'),
              1 + static_cast<std::ptrdiff_t>(interface_names(near_).size()));
    EXPECT_THAT(table.out, testing::AllOf(HasSubstr("\npwnear "), HasSubstr("\nlo ")));
    EXPECT_THAT(table.out, testing::Not(HasSubstr("pwfar"))) << "it is elsewhere";

    const json all = json::parse(show(near_, {"--json"}).out, nullptr, false);
    ASSERT_TRUE(all.is_array());
    EXPECT_EQ(all.size(), interface_names(near_).size());
    EXPECT_EQ(all.back().at("interface"), kNearName);
}

TEST_F(InventoryTest, TextHasEveryFeature)
{
    const auto result = show(near_, {kNearName});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    for (const auto& [name, feature] : read_features(near_, kNearName))
        EXPECT_THAT(result.out, HasSubstr('\n' + name + ' '));
}

TEST_F(InventoryTest, NoSuchInterfaceIsOneLine)
{
    for (const std::string name : {"", "nothing", "pwfar", "a-name-too-long-for-the-kernel"}) {
        const auto result = show(near_, {name});
        EXPECT_EQ(result.exit_code, 2) << name;
        EXPECT_EQ(result.out, "");
        EXPECT_THAT(result.err, HasSubstr("no interface \"" + name + "\""));
        EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    }
}

/// Devices of the machine itself, only looked at.
TEST(MachineInventoryTest, IsAsEthtoolSays)
{
    const NetNamespace here = NetNamespace::current();
    for (const std::string& name : interface_names(here))
        expect_as_ethtool_says(here, name);
}

} // namespace
} // namespace pagewire::nic
