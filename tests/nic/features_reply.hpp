// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/nic/attribute_builder.hpp"

#include <linux/ethtool_netlink.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// A features reply of the kernel, readable: recorded from a veth, and built from a table octet for
/// octet.
namespace pagewire::nic {

/// What Linux 6.18 answered for a fresh veth, in the order of its bits: h, w, a, f for each of hw,
/// wanted, active and nochange that is set. The bits without a name are retired ones.
struct Row {
    std::string_view name;
    std::string_view flags;

    [[nodiscard]] bool has(char flag) const { return flags.find(flag) != std::string_view::npos; }
};

inline constexpr std::array kVeth = {
    Row{"tx-scatter-gather", "hwa"},
    Row{"tx-checksum-ipv4", ""},
    Row{"", ""},
    Row{"tx-checksum-ip-generic", "hwa"},
    Row{"tx-checksum-ipv6", ""},
    Row{"highdma", "hwa"},
    Row{"tx-scatter-gather-fraglist", "hwa"},
    Row{"tx-vlan-hw-insert", "hwa"},
    Row{"rx-vlan-hw-parse", "hwa"},
    Row{"rx-vlan-filter", ""},
    Row{"vlan-challenged", "f"},
    Row{"tx-generic-segmentation", "hwa"},
    Row{"", ""},
    Row{"", ""},
    Row{"rx-gro", "h"},
    Row{"rx-lro", ""},
    Row{"tx-tcp-segmentation", "hwa"},
    Row{"tx-gso-robust", ""},
    Row{"tx-tcp-ecn-segmentation", "hwa"},
    Row{"tx-tcp-mangleid-segmentation", "hwa"},
    Row{"tx-tcp6-segmentation", "hwa"},
    Row{"tx-fcoe-segmentation", ""},
    Row{"tx-gre-segmentation", "hwa"},
    Row{"tx-gre-csum-segmentation", "hwa"},
    Row{"tx-ipxip4-segmentation", "hwa"},
    Row{"tx-ipxip6-segmentation", "hwa"},
    Row{"tx-udp_tnl-segmentation", "hwa"},
    Row{"tx-udp_tnl-csum-segmentation", "hwa"},
    Row{"tx-gso-partial", ""},
    Row{"tx-tunnel-remcsum-segmentation", ""},
    Row{"tx-sctp-segmentation", "hwa"},
    Row{"tx-esp-segmentation", ""},
    Row{"", ""},
    Row{"tx-udp-segmentation", "hwa"},
    Row{"tx-gso-list", "hwa"},
    Row{"tx-tcp-accecn-segmentation", "hwa"},
    Row{"tx-checksum-fcoe-crc", ""},
    Row{"tx-checksum-sctp", "hwa"},
    Row{"rx-ntuple-filter", ""},
    Row{"rx-hashing", ""},
    Row{"rx-checksum", "hwa"},
    Row{"tx-nocache-copy", "h"},
    Row{"loopback", ""},
    Row{"rx-fcs", ""},
    Row{"rx-all", ""},
    Row{"tx-vlan-stag-hw-insert", "hwa"},
    Row{"rx-vlan-stag-hw-parse", "hwa"},
    Row{"rx-vlan-stag-filter", ""},
    Row{"l2-fwd-offload", ""},
    Row{"hw-tc-offload", ""},
    Row{"esp-hw-offload", ""},
    Row{"esp-tx-csum-hw-offload", ""},
    Row{"rx-udp_tunnel-port-offload", ""},
    Row{"tls-hw-tx-offload", ""},
    Row{"tls-hw-rx-offload", ""},
    Row{"rx-gro-hw", ""},
    Row{"tls-hw-record", ""},
    Row{"rx-gro-list", "h"},
    Row{"macsec-hw-offload", ""},
    Row{"rx-udp-gro-forwarding", "h"},
    Row{"hsr-tag-ins-offload", ""},
    Row{"hsr-tag-rm-offload", ""},
    Row{"hsr-fwd-offload", ""},
    Row{"hsr-dup-offload", ""},
};

/// What the kernel sent for kVeth, octets.
inline constexpr std::size_t kRecordedBytes = 4376;

inline void put_bit(AttributeBuilder& bits, std::uint32_t index, std::string_view name, bool value)
{
    bits.nest(ETHTOOL_A_BITSET_BITS_BIT, [&](AttributeBuilder& bit) {
        bit.u32(ETHTOOL_A_BITSET_BIT_INDEX, index).string(ETHTOOL_A_BITSET_BIT_NAME, name);
        if (value)
            bit.flag(ETHTOOL_A_BITSET_BIT_VALUE);
    });
}

/// As the kernel does: with a mask, each bit and its value; without, those that are set.
inline void put_bitset(AttributeBuilder& reply, std::uint16_t type, char flag, bool mask)
{
    reply.nest(type, [&](AttributeBuilder& bitset) {
        if (!mask)
            bitset.flag(ETHTOOL_A_BITSET_NOMASK);
        bitset.u32(ETHTOOL_A_BITSET_SIZE, kVeth.size());
        bitset.nest(ETHTOOL_A_BITSET_BITS, [&](AttributeBuilder& bits) {
            for (std::size_t i = 0; i < kVeth.size(); ++i)
                if (mask || kVeth[i].has(flag))
                    put_bit(bits, static_cast<std::uint32_t>(i), kVeth[i].name,
                            mask && kVeth[i].has(flag));
        });
    });
}

inline void put_header(AttributeBuilder& reply)
{
    reply.nest(ETHTOOL_A_FEATURES_HEADER, [](AttributeBuilder& header) {
        header.u32(ETHTOOL_A_HEADER_DEV_INDEX, 2).string(ETHTOOL_A_HEADER_DEV_NAME, "pw0");
    });
}

inline AttributeBuilder recorded_reply()
{
    AttributeBuilder reply;
    put_header(reply);
    put_bitset(reply, ETHTOOL_A_FEATURES_HW, 'h', true);
    put_bitset(reply, ETHTOOL_A_FEATURES_WANTED, 'w', false);
    put_bitset(reply, ETHTOOL_A_FEATURES_ACTIVE, 'a', false);
    put_bitset(reply, ETHTOOL_A_FEATURES_NOCHANGE, 'f', false);
    return reply;
}

} // namespace pagewire::nic
