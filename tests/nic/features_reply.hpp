// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <linux/ethtool_netlink.h>
#include <linux/netlink.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

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

/// Writes netlink attributes: native byte order, 4-octet alignment, lengths without the padding.
class AttributeBuilder {
  public:
    AttributeBuilder& raw(std::uint16_t type, std::string_view payload)
    {
        const std::size_t begin = open(type);
        octets_.insert(octets_.end(), payload.begin(), payload.end());
        return close(begin);
    }

    AttributeBuilder& flag(std::uint16_t type) { return raw(type, {}); }

    AttributeBuilder& u32(std::uint16_t type, std::uint32_t value)
    {
        std::array<char, sizeof(value)> payload{};
        std::memcpy(payload.data(), &value, sizeof(value));
        return raw(type, {payload.data(), payload.size()});
    }

    AttributeBuilder& string(std::uint16_t type, std::string_view text)
    {
        return raw(type, std::string(text) + '\0');
    }

    template<typename Fill>
    AttributeBuilder& nest(std::uint16_t type, Fill fill)
    {
        const std::size_t begin = open(static_cast<std::uint16_t>(type | NLA_F_NESTED));
        fill(*this);
        return close(begin);
    }

    [[nodiscard]] const std::vector<char>& octets() const { return octets_; }

  private:
    std::size_t open(std::uint16_t type)
    {
        const std::size_t begin = octets_.size();
        const nlattr header{.nla_len = 0, .nla_type = type};
        octets_.resize(begin + sizeof(header));
        std::memcpy(&octets_[begin], &header, sizeof(header));
        return begin;
    }

    AttributeBuilder& close(std::size_t begin)
    {
        const auto length = static_cast<std::uint16_t>(octets_.size() - begin);
        std::memcpy(&octets_[begin], &length, sizeof(length));
        octets_.resize(begin + NLA_ALIGN(length));
        return *this;
    }

    std::vector<char> octets_;
};

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
