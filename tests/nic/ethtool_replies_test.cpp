// SPDX-License-Identifier: BSD-3-Clause
#include "core/error.hpp"
#include "nic/ethtool_replies.hpp"
#include "nic/ethtool_uapi.hpp"
#include "tests/nic/attribute_builder.hpp"
#include "tests/nic/ethtool_recordings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::nic {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

/// From a buffer of exactly that size, so that a sanitizer sees each read beyond it.
template<typename Parse>
auto exactly(const std::vector<char>& octets, Parse parse)
{
    const auto exact = std::make_unique<std::byte[]>(octets.size());
    std::copy_n(reinterpret_cast<const std::byte*>(octets.data()), octets.size(), exact.get());
    return parse(std::span<const std::byte>(exact.get(), octets.size()));
}

std::vector<std::string> statistics(std::span<const std::byte> payload)
{
    return parse_strings_reply(payload, ETH_SS_STATS);
}

Limit limit(std::uint32_t current, std::uint32_t max)
{
    return {.current = current, .max = max};
}

TEST(ChannelsReply, AsRecorded)
{
    EXPECT_THAT(exactly(recorded::octets(recorded::kChannelsVirtio), parse_channels_reply),
                ElementsAre(Pair("combined", limit(1, 1))));
    EXPECT_THAT(exactly(recorded::octets(recorded::kChannelsVeth), parse_channels_reply),
                ElementsAre(Pair("rx", limit(3, 3)), Pair("tx", limit(3, 3))));
}

TEST(ChannelsReply, CurrentAndMaxAreNotMixed)
{
    AttributeBuilder reply;
    reply.u32(ETHTOOL_A_CHANNELS_RX_MAX, 16).u32(ETHTOOL_A_CHANNELS_RX_COUNT, 4);
    EXPECT_THAT(exactly(reply.octets(), parse_channels_reply),
                ElementsAre(Pair("rx", limit(4, 16))));
}

TEST(RingsReply, AsRecorded)
{
    EXPECT_THAT(exactly(recorded::octets(recorded::kRingsVirtio), parse_rings_reply),
                ElementsAre(Pair("rx", limit(256, 256)), Pair("tx", limit(256, 256))));
}

TEST(RingsReply, CurrentWithoutMax)
{
    AttributeBuilder reply;
    reply.u32(ETHTOOL_A_RINGS_RX_JUMBO, 64);
    const Limit jumbo{.current = 64, .max = std::nullopt};
    EXPECT_THAT(exactly(reply.octets(), parse_rings_reply), ElementsAre(Pair("rx-jumbo", jumbo)));
}

TEST(CoalesceReply, AsRecorded)
{
    using Value = Coalescing::mapped_type;
    EXPECT_THAT(exactly(recorded::octets(recorded::kCoalesceVirtio), parse_coalesce_reply),
                UnorderedElementsAre(Pair("rx-usecs", Value(0U)), Pair("rx-max-frames", Value(1U)),
                                     Pair("tx-usecs", Value(0U)), Pair("tx-max-frames", Value(1U)),
                                     Pair("use-adaptive-rx", Value(false))));
}

TEST(TsInfoReply, AsRecorded)
{
    const Timestamping timestamping =
        exactly(recorded::octets(recorded::kTsInfoVeth), parse_tsinfo_reply);
    EXPECT_THAT(timestamping.capabilities,
                ElementsAre("software-transmit", "software-receive", "software-system-clock"));
    EXPECT_THAT(timestamping.tx_types, IsEmpty());
    EXPECT_THAT(timestamping.rx_filters, IsEmpty());
    EXPECT_EQ(timestamping.phc_index, std::nullopt);
}

TEST(TsInfoReply, ClockOfTheDevice)
{
    AttributeBuilder reply;
    reply.u32(ETHTOOL_A_TSINFO_PHC_INDEX, 0).nest(ETHTOOL_A_TSINFO_TX_TYPES, [](auto& bitset) {
        bitset.flag(ETHTOOL_A_BITSET_NOMASK).nest(ETHTOOL_A_BITSET_BITS, [](auto& bits) {
            bits.nest(ETHTOOL_A_BITSET_BITS_BIT,
                      [](auto& bit) { bit.string(ETHTOOL_A_BITSET_BIT_NAME, "on"); });
        });
    });
    const Timestamping timestamping = exactly(reply.octets(), parse_tsinfo_reply);
    EXPECT_EQ(timestamping.phc_index, 0U) << "/dev/ptp0, not none";
    EXPECT_THAT(timestamping.tx_types, ElementsAre("on"));
}

TEST(LinkModesReply, UnknownSpeedIsAbsent)
{
    EXPECT_EQ(exactly(recorded::octets(recorded::kLinkModesVirtio), parse_linkmodes_reply),
              (LinkModes{.speed_mbps = std::nullopt, .duplex = std::nullopt, .autoneg = false}));
    EXPECT_EQ(exactly(recorded::octets(recorded::kLinkModesVeth), parse_linkmodes_reply),
              (LinkModes{.speed_mbps = 10000, .duplex = "full", .autoneg = false}));
}

TEST(RssReply, TableKeyAndFunction)
{
    AttributeBuilder reply;
    reply.u32(uapi::ETHTOOL_A_RSS_HFUNC, 0b1001)
        .raw(uapi::ETHTOOL_A_RSS_INDIR, std::string(std::size_t{128} * 4, '\0'))
        .raw(uapi::ETHTOOL_A_RSS_HKEY, std::string(52, 'k'))
        .u32(uapi::ETHTOOL_A_RSS_MAX + 1, 7);
    EXPECT_EQ(exactly(reply.octets(), parse_rss_reply),
              (Rss{.num_indirection_entries = 128,
                   .key_bytes = 52,
                   .hash_functions = {"toeplitz", "bit 3"}}));
    EXPECT_EQ(exactly({}, parse_rss_reply), Rss{}) << "none told, none invented";
}

AttributeBuilder strings_reply()
{
    const auto put_set = [](AttributeBuilder& sets, std::uint32_t id, auto... names) {
        sets.nest(ETHTOOL_A_STRINGSETS_STRINGSET, [&](AttributeBuilder& set) {
            set.u32(ETHTOOL_A_STRINGSET_ID, id)
                .nest(ETHTOOL_A_STRINGSET_STRINGS, [&](AttributeBuilder& strings) {
                    (strings.nest(ETHTOOL_A_STRINGS_STRING,
                                  [&](AttributeBuilder& string) {
                                      string.string(ETHTOOL_A_STRING_VALUE, names);
                                  }),
                     ...);
                });
        });
    };
    AttributeBuilder reply;
    reply.nest(ETHTOOL_A_STRSET_STRINGSETS, [&](AttributeBuilder& sets) {
        put_set(sets, ETH_SS_FEATURES, "tx-scatter-gather");
        put_set(sets, ETH_SS_STATS, "rx_drops", "tx_kicks");
    });
    return reply;
}

TEST(StringsReply, TheSetAskedForInItsOrder)
{
    EXPECT_THAT(exactly(strings_reply().octets(), statistics), ElementsAre("rx_drops", "tx_kicks"));
    EXPECT_THAT(exactly(recorded::octets(recorded::kStringsLoopback), statistics), IsEmpty());
    EXPECT_THAT(exactly({}, statistics), IsEmpty());
}

TEST(StringsReply, DamageIsRefused)
{
    AttributeBuilder nameless;
    nameless.nest(ETHTOOL_A_STRSET_STRINGSETS, [](AttributeBuilder& sets) {
        sets.nest(ETHTOOL_A_STRINGSETS_STRINGSET, [](AttributeBuilder& set) {
            set.u32(ETHTOOL_A_STRINGSET_ID, ETH_SS_STATS)
                .nest(ETHTOOL_A_STRINGSET_STRINGS, [](AttributeBuilder& strings) {
                    strings.nest(ETHTOOL_A_STRINGS_STRING, [](AttributeBuilder&) {});
                });
        });
    });
    EXPECT_THROW(exactly(nameless.octets(), statistics), core::SystemError);
}

struct Parser {
    const char* name;
    std::function<void(std::span<const std::byte>)> parse;
    std::vector<char> whole;
    std::vector<char> wrong; ///< an attribute whose length is not its type's; empty: none can be
};

std::vector<char> short_attribute(std::uint16_t type)
{
    AttributeBuilder reply;
    reply.raw(type, "");
    return reply.octets();
}

class EthtoolReplies : public testing::TestWithParam<Parser> {};

TEST_P(EthtoolReplies, AttributeShorterThanItsTypeIsRefused)
{
    try {
        exactly(GetParam().wrong, GetParam().parse);
        ADD_FAILURE() << "accepted";
    } catch (const core::SystemError& error) {
        EXPECT_EQ(error.code().value(), EBADMSG);
    }
}

/// Any octets are understood or refused; a sanitizer watches for the rest.
TEST_P(EthtoolReplies, DamagedOctetsNeverReadOutside)
{
    std::mt19937 random(1); // NOLINT: the same octets on every run
    const auto try_to_parse = [](const std::vector<char>& octets) {
        try {
            exactly(octets, GetParam().parse);
        } catch (const core::SystemError& error) {
            EXPECT_EQ(error.code().value(), EBADMSG);
        }
    };
    const std::vector<char>& whole = GetParam().whole;
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::vector<char> damaged = whole;
        damaged[at] = static_cast<char>(random());
        try_to_parse(damaged);
        damaged.resize(at);
        try_to_parse(damaged);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Each, EthtoolReplies,
    testing::Values(
        Parser{"channels", [](auto payload) { (void)parse_channels_reply(payload); },
               recorded::octets(recorded::kChannelsVeth),
               short_attribute(ETHTOOL_A_CHANNELS_RX_MAX)},
        Parser{"rings", [](auto payload) { (void)parse_rings_reply(payload); },
               recorded::octets(recorded::kRingsVirtio), short_attribute(ETHTOOL_A_RINGS_TX)},
        Parser{"coalesce", [](auto payload) { (void)parse_coalesce_reply(payload); },
               recorded::octets(recorded::kCoalesceVirtio),
               short_attribute(ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX)},
        Parser{"tsinfo", [](auto payload) { (void)parse_tsinfo_reply(payload); },
               recorded::octets(recorded::kTsInfoVeth),
               short_attribute(ETHTOOL_A_TSINFO_PHC_INDEX)},
        Parser{"linkmodes", [](auto payload) { (void)parse_linkmodes_reply(payload); },
               recorded::octets(recorded::kLinkModesVeth),
               short_attribute(ETHTOOL_A_LINKMODES_SPEED)},
        Parser{"rss", [](auto payload) { (void)parse_rss_reply(payload); },
               recorded::octets(recorded::kChannelsVirtio),
               short_attribute(uapi::ETHTOOL_A_RSS_HFUNC)},
        Parser{"strings", [](auto payload) { (void)statistics(payload); }, strings_reply().octets(),
               [] {
                   AttributeBuilder reply;
                   reply.nest(ETHTOOL_A_STRSET_STRINGSETS, [](AttributeBuilder& sets) {
                       sets.nest(ETHTOOL_A_STRINGSETS_STRINGSET, [](AttributeBuilder& set) {
                           set.raw(ETHTOOL_A_STRINGSET_ID, "");
                       });
                   });
                   return reply.octets();
               }()}),
    [](const auto& param) { return std::string(param.param.name); });

} // namespace
} // namespace pagewire::nic
