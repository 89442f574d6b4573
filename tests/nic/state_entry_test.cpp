// SPDX-License-Identifier: BSD-3-Clause

/// The text of a journal entry: written, read, cut off anywhere, damaged.

#include "core/error.hpp"
#include "nic/state_entry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include <string>
#include <utility>
#include <vector>

namespace pagewire::nic {
namespace {

using Kind = DeviceChange::Kind;

StateEntry sample()
{
    StateEntry entry{
        .interface = "eth7",
        .netns = 4026531840,
        .boot_id = "5f1c3a52-66a5-4b5c-8cbb-2b1f6c9d0e11",
        .pid = 4711,
        .before = {.identity = {.ifindex = 7, .mac = {0x02, 0, 0, 0xab, 0xcd, 0xef}},
                   .mtu = 1500,
                   .up = true,
                   .features = {{"tx-scatter-gather", {.hw = true, .wanted = true, .active = true}},
                                {"rx-gro", {.hw = true}},
                                {"tx-fcoe-segmentation", {.fixed = true}}},
                   .rings = RingSettings{{"rx", 256}, {"tx", 512}},
                   .hw_timestamping = HwTimestamping{.flags = 0, .tx_type = 1, .rx_filter = 12}},
        .changes = {}};
    entry.changes = {{.kind = Kind::kMtu},
                     {.kind = Kind::kUp},
                     {.kind = Kind::kRings},
                     {.kind = Kind::kHwTimestamping},
                     {.kind = Kind::kFeatures, .features = {{"tx-scatter-gather", true}}},
                     {.kind = Kind::kAddress, .address = parse_interface_address("2001:2::1/64")},
                     {.kind = Kind::kAddress, .address = parse_interface_address("192.0.2.1/24")}};
    return entry;
}

std::string text_of(const StateEntry& entry)
{
    std::string text = entry_head(entry);
    for (const DeviceChange& change : entry.changes)
        text += entry_line(change);
    return text;
}

TEST(StateEntry, IsReadAsItWasWritten)
{
    EXPECT_EQ(parse_state_entry(text_of(sample())), sample());
    StateEntry bare = sample();
    bare.before.rings.reset();
    bare.before.hw_timestamping.reset();
    bare.changes.clear();
    EXPECT_EQ(parse_state_entry(text_of(bare)), bare);
}

/// Wherever the process was killed: whole changes, and none that was not begun.
TEST(StateEntry, CutOffAnywhereItTellsWhatWasWhole)
{
    const std::string text = text_of(sample());
    for (std::size_t length = 0; length <= text.size(); ++length) {
        const auto num_lines =
            std::count(text.begin(), text.begin() + static_cast<long>(length), '\n');
        const auto entry = parse_state_entry(text.substr(0, length));
        ASSERT_EQ(entry.has_value(), num_lines > 0) << length;
        if (entry) {
            ASSERT_EQ(static_cast<long>(entry->changes.size()), num_lines - 1) << length;
        }
    }
}

TEST(StateEntry, DamageIsOneLine)
{
    const std::string head = entry_head(sample());
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string text = head;
        const auto at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return text.replace(at, from.size(), to);
    };
    const std::vector<std::pair<std::string, std::string>> cases{
        {"\n", "not what pagewire writes"},
        {"{}\n", "not what pagewire writes"},
        {"[]\n", "not what pagewire writes"},
        {"\xff\xfe\n", "not what pagewire writes"},
        {head + "{\"change\":\"speed\"}\n", "unknown kind"},
        {head + "{\"change\":1}\n", "not what pagewire writes"},
        {head + "{\"change\":\"address\"}\n", "not what pagewire writes"},
        {head + "{\"change\":\"address\",\"added\":\"eth0\"}\n", "an address that is none"},
        {head + "{\"change\":\"features\",\"was\":{\"no-such\":true}}\n",
         "does not tell the state"},
        {head + "{\"change\":\"features\",\"was\":[]}\n", "not what pagewire writes"},
        {with("nic-state/1", "nic-state/2"), "schema"},
        {with("eth7", "eth7; reboot"), "interface is no plain word"},
        {with("eth7", "eth7eth7eth7eth7"), "no interface's name"},
        {with("\"mtu\":1500", "\"mtu\":-1"), "mtu is no number"},
        {with("\"mtu\":1500", "\"mtu\":4294967297"), "mtu is no number"},
        {with("02:00:00:ab:cd:ef", "02:00:00:ab:cd"), "hardware address"},
        {with("02:00:00:ab:cd:ef", "02:00:00:ab:cd:xx"), "hardware address"},
        {with("\"rx-gro\":[\"hw\"]", "\"rx-gro\":[\"sw\"]"), "unknown flag"},
        {with("\"rx-gro\":[\"hw\"]", "\"rx-gro\":{\"a\":\"hw\"}"), "unknown flag"},
        {with("\"rx-gro\"", "\"rx gro\""), "a feature's name is no plain word"},
        {with("\"up\":true", "\"up\":1"), "not what pagewire writes"},
    };
    for (const auto& [text, why] : cases) {
        try {
            (void)parse_state_entry(text);
            ADD_FAILURE() << "taken: " << text;
        } catch (const core::UsageError& error) {
            EXPECT_THAT(error.what(), testing::StartsWith("damaged: "));
            EXPECT_THAT(error.what(), testing::HasSubstr(why)) << text;
            EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
        }
    }
}

} // namespace
} // namespace pagewire::nic
