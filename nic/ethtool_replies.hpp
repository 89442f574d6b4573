// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

/// What the GET replies of the ethtool genetlink family say
/// (Documentation/networking/ethtool-netlink.rst), except for features (nic/ethtool_parse.hpp).
///
/// Each `payload` holds the attributes behind the generic netlink header and begins at an address
/// that is a multiple of 4. The parsers read nothing outside of it, whatever it holds, pass over
/// what newer kernels add, and throw core::SystemError (EBADMSG) for damaged octets. What a device
/// does not tell is absent.
namespace pagewire::nic {

/// A number that can be set, and how far.
struct Limit {
    std::optional<std::uint32_t> current;
    std::optional<std::uint32_t> max;

    bool operator==(const Limit&) const = default;
};

/// By the kernel's name: "rx", "tx", "other", "combined"; for rings "rx", "rx-mini", "rx-jumbo",
/// "tx".
using LimitTable = std::map<std::string, Limit>;

[[nodiscard]] LimitTable parse_channels_reply(std::span<const std::byte> payload);
[[nodiscard]] LimitTable parse_rings_reply(std::span<const std::byte> payload);

/// By the kernel's name: "rx-usecs", "use-adaptive-rx". Documentation/netlink/specs/ethtool.yaml.
using Coalescing = std::map<std::string, std::variant<bool, std::uint32_t>>;

[[nodiscard]] Coalescing parse_coalesce_reply(std::span<const std::byte> payload);

/// Receive-side scaling of the default context.
struct Rss {
    std::optional<std::uint32_t> num_indirection_entries;
    std::optional<std::uint32_t> key_bytes;
    std::vector<std::string> hash_functions; ///< in force: "toeplitz", "xor", "crc32"

    bool operator==(const Rss&) const = default;
};

[[nodiscard]] Rss parse_rss_reply(std::span<const std::byte> payload);

struct LinkModes {
    std::optional<std::uint32_t> speed_mbps; ///< megabits a second
    std::optional<std::string> duplex;       ///< "half", "full"
    std::optional<bool> autoneg;

    bool operator==(const LinkModes&) const = default;
};

[[nodiscard]] LinkModes parse_linkmodes_reply(std::span<const std::byte> payload);

/// Names as ethtool prints them: "software-transmit", "hardware-raw-clock", "on", "all".
struct Timestamping {
    std::vector<std::string> capabilities;
    std::vector<std::string> tx_types;
    std::vector<std::string> rx_filters;
    std::optional<std::uint32_t> phc_index; ///< the clock /dev/ptpN

    bool operator==(const Timestamping&) const = default;
};

[[nodiscard]] Timestamping parse_tsinfo_reply(std::span<const std::byte> payload);

/// The strings of one set (enum ethtool_stringset), in their order; none where the device has no
/// such set.
[[nodiscard]] std::vector<std::string> parse_strings_reply(std::span<const std::byte> payload,
                                                           std::uint32_t set);

} // namespace pagewire::nic
