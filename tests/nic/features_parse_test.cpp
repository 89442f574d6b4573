// SPDX-License-Identifier: BSD-3-Clause
#include "core/error.hpp"
#include "nic/ethtool_parse.hpp"
#include "tests/nic/features_reply.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/ethtool_netlink.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::nic {
namespace {

/// From a buffer of exactly that size, so that a sanitizer sees each read beyond it.
FeatureTable parse(const std::vector<char>& octets)
{
    const auto exact = std::make_unique<std::byte[]>(octets.size());
    std::copy_n(reinterpret_cast<const std::byte*>(octets.data()), octets.size(), exact.get());
    return parse_features_reply({exact.get(), octets.size()});
}

void expect_malformed(const std::vector<char>& octets, std::string_view what)
{
    try {
        parse(octets);
        ADD_FAILURE() << "accepted; expected: " << what;
    } catch (const core::SystemError& error) {
        EXPECT_EQ(error.code().value(), EBADMSG);
        EXPECT_THAT(error.what(), testing::HasSubstr(std::string(what)));
    }
}

/// A reply whose bitsets hold the given bits, one of which may be wrong.
template<typename PutHwBits, typename PutActiveBits>
std::vector<char> small_reply(PutHwBits put_hw_bits, PutActiveBits put_active_bits)
{
    AttributeBuilder reply;
    const auto put = [&](std::uint16_t type, bool mask, auto put_bits) {
        reply.nest(type, [&](AttributeBuilder& bitset) {
            if (!mask)
                bitset.flag(ETHTOOL_A_BITSET_NOMASK);
            bitset.nest(ETHTOOL_A_BITSET_BITS, put_bits);
        });
    };
    const auto none = [](AttributeBuilder&) {};
    put(ETHTOOL_A_FEATURES_HW, true, put_hw_bits);
    put(ETHTOOL_A_FEATURES_WANTED, false, none);
    put(ETHTOOL_A_FEATURES_ACTIVE, false, put_active_bits);
    put(ETHTOOL_A_FEATURES_NOCHANGE, false, none);
    return reply.octets();
}

constexpr auto kNoBits = [](AttributeBuilder&) {};

TEST(FeaturesReply, IsBuiltAsRecorded)
{
    EXPECT_EQ(recorded_reply().octets().size(), kRecordedBytes);
}

TEST(FeaturesReply, HoldsEveryNamedFeatureWithItsState)
{
    FeatureTable expected;
    for (const Row& row : kVeth)
        if (!row.name.empty())
            expected[std::string(row.name)] = {.hw = row.has('h'),
                                               .wanted = row.has('w'),
                                               .active = row.has('a'),
                                               .fixed = row.has('f')};

    const FeatureTable table = parse(recorded_reply().octets());

    EXPECT_EQ(table, expected);
    EXPECT_EQ(table.size(), 60U);
    EXPECT_EQ(table.at("tx-scatter-gather"),
              (Feature{.hw = true, .wanted = true, .active = true, .fixed = false}));
    EXPECT_EQ(table.at("rx-gro"),
              (Feature{.hw = true, .wanted = false, .active = false, .fixed = false}));
    EXPECT_EQ(table.at("tx-checksum-ipv4"), Feature{});
    EXPECT_EQ(table.at("vlan-challenged"),
              (Feature{.hw = false, .wanted = false, .active = false, .fixed = true}));
}

TEST(FeaturesReply, AttributesOfLaterKernelsAreIgnored)
{
    AttributeBuilder reply = recorded_reply();
    reply.u32(ETHTOOL_A_FEATURES_MAX + 1, 7);
    EXPECT_EQ(parse(reply.octets()), parse(recorded_reply().octets()));
}

TEST(FeaturesReply, CutAnywhereIsRefused)
{
    const std::vector<char> whole = recorded_reply().octets();
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const std::vector<char> part(whole.begin(),
                                     whole.begin() + static_cast<std::ptrdiff_t>(length));
        EXPECT_THROW(parse(part), core::SystemError)
            << length << " of " << whole.size() << " octets";
    }
}

TEST(FeaturesReply, MissingBitsetIsRefused)
{
    AttributeBuilder reply;
    put_bitset(reply, ETHTOOL_A_FEATURES_HW, 'h', true);
    put_bitset(reply, ETHTOOL_A_FEATURES_WANTED, 'w', false);
    put_bitset(reply, ETHTOOL_A_FEATURES_ACTIVE, 'a', false);
    expect_malformed(reply.octets(), "a bitset is missing");
}

TEST(FeaturesReply, CompactBitsetIsRefused)
{
    AttributeBuilder reply;
    reply.nest(ETHTOOL_A_FEATURES_HW, [](AttributeBuilder& bitset) {
        bitset.u32(ETHTOOL_A_BITSET_SIZE, 32)
            .u32(ETHTOOL_A_BITSET_VALUE, 1)
            .u32(ETHTOOL_A_BITSET_MASK, 1);
    });
    expect_malformed(reply.octets(), "a bitset has no list of bits");
}

TEST(FeaturesReply, ActiveBitThatHwDoesNotNameIsRefused)
{
    expect_malformed(
        small_reply([](AttributeBuilder& bits) { put_bit(bits, 0, "tx-scatter-gather", true); },
                    [](AttributeBuilder& bits) { put_bit(bits, 1, "rx-gro", false); }),
        "a feature is missing from the hw bitset");
}

TEST(FeaturesReply, BitWithoutANameIsRefused)
{
    expect_malformed(small_reply(
                         [](AttributeBuilder& bits) {
                             bits.nest(ETHTOOL_A_BITSET_BITS_BIT, [](AttributeBuilder& bit) {
                                 bit.u32(ETHTOOL_A_BITSET_BIT_INDEX, 0);
                             });
                         },
                         kNoBits),
                     "a bit has no name");
}

TEST(FeaturesReply, NameWithoutAnEndOrTooLongIsRefused)
{
    using namespace std::string_view_literals;
    for (const auto name : {"tx-scatter-gather"sv, "a-name-that-is-longer-than-ethtool-has\0"sv})
        expect_malformed(small_reply(
                             [&](AttributeBuilder& bits) {
                                 bits.nest(ETHTOOL_A_BITSET_BITS_BIT, [&](AttributeBuilder& bit) {
                                     bit.raw(ETHTOOL_A_BITSET_BIT_NAME, name);
                                 });
                             },
                             kNoBits),
                         "a bit");
}

TEST(FeaturesReply, RubbishBehindTheLastBitIsRefused)
{
    AttributeBuilder bits;
    put_bit(bits, 0, "tx-scatter-gather", true);
    const std::string list = std::string(bits.octets().begin(), bits.octets().end()) + "rubbish!";
    AttributeBuilder reply;
    reply.nest(ETHTOOL_A_FEATURES_HW,
               [&](AttributeBuilder& bitset) { bitset.raw(ETHTOOL_A_BITSET_BITS, list); });
    expect_malformed(reply.octets(), "a list of bits is cut off");
}

/// Any octets give a table or an exception; a sanitizer watches for the rest.
TEST(FeaturesReply, GarbageNeverReadsOutside)
{
    std::mt19937 random(1); // NOLINT: the same octets on every run
    const std::vector<char> whole = recorded_reply().octets();
    const auto try_to_parse = [](const std::vector<char>& octets) {
        try {
            EXPECT_LE(parse(octets).size(), kVeth.size());
        } catch (const core::SystemError& error) {
            EXPECT_EQ(error.code().value(), EBADMSG);
        }
    };
    for (int i = 0; i < 2000; ++i) {
        std::vector<char> noise(random() % 256);
        for (char& octet : noise)
            octet = static_cast<char>(random());
        try_to_parse(noise);
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::vector<char> damaged = whole;
        damaged[at] = static_cast<char>(random());
        try_to_parse(damaged);
    }
}

} // namespace
} // namespace pagewire::nic
