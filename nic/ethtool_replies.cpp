// SPDX-License-Identifier: BSD-3-Clause
#include "nic/ethtool_replies.hpp"

#include "nic/attributes.hpp"
#include "nic/ethtool_uapi.hpp"

#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>

#include <fmt/format.h>

#include <array>
#include <bit>
#include <string_view>

namespace pagewire::nic {

namespace {

/// A number of which the kernel tells the state and the most.
struct LimitAttributes {
    std::string_view name;
    std::uint16_t current;
    std::uint16_t max;
};

constexpr std::array kChannels = {
    LimitAttributes{"rx", ETHTOOL_A_CHANNELS_RX_COUNT, ETHTOOL_A_CHANNELS_RX_MAX},
    LimitAttributes{"tx", ETHTOOL_A_CHANNELS_TX_COUNT, ETHTOOL_A_CHANNELS_TX_MAX},
    LimitAttributes{"other", ETHTOOL_A_CHANNELS_OTHER_COUNT, ETHTOOL_A_CHANNELS_OTHER_MAX},
    LimitAttributes{"combined", ETHTOOL_A_CHANNELS_COMBINED_COUNT, ETHTOOL_A_CHANNELS_COMBINED_MAX},
};

constexpr std::array kRings = {
    LimitAttributes{"rx", ETHTOOL_A_RINGS_RX, ETHTOOL_A_RINGS_RX_MAX},
    LimitAttributes{"rx-mini", ETHTOOL_A_RINGS_RX_MINI, ETHTOOL_A_RINGS_RX_MINI_MAX},
    LimitAttributes{"rx-jumbo", ETHTOOL_A_RINGS_RX_JUMBO, ETHTOOL_A_RINGS_RX_JUMBO_MAX},
    LimitAttributes{"tx", ETHTOOL_A_RINGS_TX, ETHTOOL_A_RINGS_TX_MAX},
};

struct CoalesceAttribute {
    std::uint16_t type;
    std::string_view name;
    bool is_flag = false; ///< u8, 0 or 1
};

constexpr std::array kCoalesce = {
    CoalesceAttribute{ETHTOOL_A_COALESCE_RX_USECS, "rx-usecs"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_RX_MAX_FRAMES, "rx-max-frames"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_RX_USECS_IRQ, "rx-usecs-irq"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_RX_MAX_FRAMES_IRQ, "rx-max-frames-irq"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_TX_USECS, "tx-usecs"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_TX_MAX_FRAMES, "tx-max-frames"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_TX_USECS_IRQ, "tx-usecs-irq"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_TX_MAX_FRAMES_IRQ, "tx-max-frames-irq"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_STATS_BLOCK_USECS, "stats-block-usecs"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX, "use-adaptive-rx", true},
    CoalesceAttribute{ETHTOOL_A_COALESCE_USE_ADAPTIVE_TX, "use-adaptive-tx", true},
    CoalesceAttribute{ETHTOOL_A_COALESCE_PKT_RATE_LOW, "pkt-rate-low"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_RX_USECS_LOW, "rx-usecs-low"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_RX_MAX_FRAMES_LOW, "rx-max-frames-low"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_TX_USECS_LOW, "tx-usecs-low"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_TX_MAX_FRAMES_LOW, "tx-max-frames-low"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_PKT_RATE_HIGH, "pkt-rate-high"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_RX_USECS_HIGH, "rx-usecs-high"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_RX_MAX_FRAMES_HIGH, "rx-max-frames-high"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_TX_USECS_HIGH, "tx-usecs-high"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_TX_MAX_FRAMES_HIGH, "tx-max-frames-high"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_RATE_SAMPLE_INTERVAL, "rate-sample-interval"},
    CoalesceAttribute{ETHTOOL_A_COALESCE_USE_CQE_MODE_TX, "use-cqe-mode-tx", true},
    CoalesceAttribute{ETHTOOL_A_COALESCE_USE_CQE_MODE_RX, "use-cqe-mode-rx", true},
};

constexpr auto kCoalescePolicy = [] {
    std::array<nla_policy, ETHTOOL_A_COALESCE_MAX + 1> policy{};
    for (const CoalesceAttribute& attribute : kCoalesce)
        policy[attribute.type].type = attribute.is_flag ? NLA_U8 : NLA_U32;
    return policy;
}();

constexpr auto kRssPolicy = [] {
    std::array<nla_policy, uapi::ETHTOOL_A_RSS_MAX + 1> policy{};
    policy[uapi::ETHTOOL_A_RSS_HFUNC].type = NLA_U32;
    return policy; // the table and the key are octets of any number
}();

/// The kernel's rss_hash_func_strings, by bit of ETHTOOL_A_RSS_HFUNC (ETH_RSS_HASH_*_BIT).
constexpr std::array<std::string_view, 3> kHashFunctions = {"toeplitz", "xor", "crc32"};

constexpr auto kLinkModesPolicy = [] {
    std::array<nla_policy, ETHTOOL_A_LINKMODES_MAX + 1> policy{};
    policy[ETHTOOL_A_LINKMODES_AUTONEG].type = NLA_U8;
    policy[ETHTOOL_A_LINKMODES_SPEED].type = NLA_U32;
    policy[ETHTOOL_A_LINKMODES_DUPLEX].type = NLA_U8;
    return policy;
}();

constexpr auto kTsInfoPolicy = [] {
    std::array<nla_policy, ETHTOOL_A_TSINFO_MAX + 1> policy{};
    policy[ETHTOOL_A_TSINFO_TIMESTAMPING].type = NLA_NESTED;
    policy[ETHTOOL_A_TSINFO_TX_TYPES].type = NLA_NESTED;
    policy[ETHTOOL_A_TSINFO_RX_FILTERS].type = NLA_NESTED;
    policy[ETHTOOL_A_TSINFO_PHC_INDEX].type = NLA_U32;
    return policy;
}();

constexpr auto kStrSetPolicy = [] {
    std::array<nla_policy, ETHTOOL_A_STRSET_MAX + 1> policy{};
    policy[ETHTOOL_A_STRSET_STRINGSETS].type = NLA_NESTED;
    return policy;
}();

constexpr auto kStringSetPolicy = [] {
    std::array<nla_policy, ETHTOOL_A_STRINGSET_MAX + 1> policy{};
    policy[ETHTOOL_A_STRINGSET_ID].type = NLA_U32;
    policy[ETHTOOL_A_STRINGSET_STRINGS].type = NLA_NESTED;
    return policy;
}();

constexpr auto kStringPolicy = [] {
    std::array<nla_policy, ETHTOOL_A_STRING_MAX + 1> policy{};
    policy[ETHTOOL_A_STRING_VALUE].type = NLA_STRING;
    return policy;
}();

std::optional<std::uint32_t> u32(const nlattr* attribute)
{
    return attribute == nullptr ? std::nullopt : std::optional(nla_get_u32(attribute));
}

template<std::size_t AttributeMax, std::size_t Num>
LimitTable parse_limits(std::span<const std::byte> payload,
                        const std::array<LimitAttributes, Num>& names)
{
    std::array<nla_policy, AttributeMax + 1> policy{};
    for (const LimitAttributes& limit : names)
        policy[limit.current].type = policy[limit.max].type = NLA_U32;
    const auto attributes = parse_attributes(payload, policy);
    LimitTable table;
    for (const LimitAttributes& limit : names) {
        const Limit value{.current = u32(attributes[limit.current]),
                          .max = u32(attributes[limit.max])};
        if (value != Limit{}) // the kernel leaves out both where the device has none
            table[std::string(limit.name)] = value;
    }
    return table;
}

std::vector<std::string> set_bits(nlattr* bitset)
{
    std::vector<std::string> names;
    if (bitset != nullptr) // the kernel leaves out what is empty
        for_each_bit(bitset, [&](const std::string& name, bool value) {
            if (value)
                names.push_back(name);
        });
    return names;
}

} // namespace

LimitTable parse_channels_reply(std::span<const std::byte> payload)
{
    return parse_limits<ETHTOOL_A_CHANNELS_MAX>(payload, kChannels);
}

LimitTable parse_rings_reply(std::span<const std::byte> payload)
{
    return parse_limits<ETHTOOL_A_RINGS_MAX>(payload, kRings);
}

Coalescing parse_coalesce_reply(std::span<const std::byte> payload)
{
    const auto attributes = parse_attributes(payload, kCoalescePolicy);
    Coalescing coalescing;
    for (const CoalesceAttribute& attribute : kCoalesce) {
        const nlattr* value = attributes[attribute.type];
        if (value == nullptr)
            continue;
        auto& entry = coalescing[std::string(attribute.name)];
        if (attribute.is_flag)
            entry = nla_get_u8(value) != 0;
        else
            entry = nla_get_u32(value);
    }
    return coalescing;
}

Rss parse_rss_reply(std::span<const std::byte> payload)
{
    const auto attributes = parse_attributes(payload, kRssPolicy);
    Rss rss;
    if (const nlattr* table = attributes[uapi::ETHTOOL_A_RSS_INDIR]) // an u32 for each entry
        rss.num_indirection_entries =
            static_cast<std::uint32_t>(nla_len(table)) / sizeof(std::uint32_t);
    if (const nlattr* key = attributes[uapi::ETHTOOL_A_RSS_HKEY])
        rss.key_bytes = static_cast<std::uint32_t>(nla_len(key));
    for (std::uint32_t bits = u32(attributes[uapi::ETHTOOL_A_RSS_HFUNC]).value_or(0); bits != 0;
         bits &= bits - 1) {
        const auto bit = static_cast<std::size_t>(std::countr_zero(bits));
        rss.hash_functions.push_back(bit < kHashFunctions.size() ? std::string(kHashFunctions[bit])
                                                                 : fmt::format("bit {}", bit));
    }
    return rss;
}

LinkModes parse_linkmodes_reply(std::span<const std::byte> payload)
{
    const auto attributes = parse_attributes(payload, kLinkModesPolicy);
    LinkModes modes;
    modes.speed_mbps = u32(attributes[ETHTOOL_A_LINKMODES_SPEED]);
    if (modes.speed_mbps == static_cast<std::uint32_t>(SPEED_UNKNOWN))
        modes.speed_mbps.reset();
    if (const nlattr* duplex = attributes[ETHTOOL_A_LINKMODES_DUPLEX]) {
        if (nla_get_u8(duplex) == DUPLEX_HALF)
            modes.duplex = "half";
        else if (nla_get_u8(duplex) == DUPLEX_FULL)
            modes.duplex = "full";
    }
    if (const nlattr* autoneg = attributes[ETHTOOL_A_LINKMODES_AUTONEG])
        modes.autoneg = nla_get_u8(autoneg) != AUTONEG_DISABLE;
    return modes;
}

Timestamping parse_tsinfo_reply(std::span<const std::byte> payload)
{
    const auto attributes = parse_attributes(payload, kTsInfoPolicy);
    return {.capabilities = set_bits(attributes[ETHTOOL_A_TSINFO_TIMESTAMPING]),
            .tx_types = set_bits(attributes[ETHTOOL_A_TSINFO_TX_TYPES]),
            .rx_filters = set_bits(attributes[ETHTOOL_A_TSINFO_RX_FILTERS]),
            .phc_index = u32(attributes[ETHTOOL_A_TSINFO_PHC_INDEX])};
}

std::vector<std::string> parse_strings_reply(std::span<const std::byte> payload, std::uint32_t set)
{
    std::vector<std::string> strings;
    const auto attributes = parse_attributes(payload, kStrSetPolicy);
    nlattr* sets = attributes[ETHTOOL_A_STRSET_STRINGSETS];
    if (sets == nullptr)
        return strings;
    for_each_nested(sets, "a list of string sets is cut off", [&](nlattr* member) {
        const auto fields = parse_nested(member, kStringSetPolicy, "a string set is damaged");
        nlattr* list = fields[ETHTOOL_A_STRINGSET_STRINGS];
        if (list == nullptr || u32(fields[ETHTOOL_A_STRINGSET_ID]) != set)
            return;
        for_each_nested(list, "a list of strings is cut off", [&](nlattr* entry) {
            const auto string = parse_nested(entry, kStringPolicy, "a string is damaged");
            const nlattr* value = string[ETHTOOL_A_STRING_VALUE];
            if (value == nullptr)
                malformed("a string has no value");
            strings.emplace_back(nla_get_string(value));
        });
    });
    return strings;
}

} // namespace pagewire::nic
