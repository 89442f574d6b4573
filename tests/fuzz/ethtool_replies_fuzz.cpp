// SPDX-License-Identifier: BSD-3-Clause

/// libFuzzer target: any octets in place of one of the kernel's ethtool replies are understood or
/// refused by a SystemError. The first octet picks the parser.

#include "core/error.hpp"
#include "nic/ethtool_replies.hpp"

#include <linux/ethtool.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

namespace {

/// Of the same octets the same twice, and nothing else.
template<typename Parse>
void parse_twice(Parse parse, std::span<const std::byte> payload)
{
    if (parse(payload) != parse(payload))
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace pagewire;
    if (size == 0)
        return 0;
    // Aligned as netlink's are, which the octet behind the first is not.
    const auto copy = std::make_unique<std::byte[]>(size - 1);
    std::copy_n(reinterpret_cast<const std::byte*>(data) + 1, size - 1, copy.get());
    const std::span<const std::byte> payload(copy.get(), size - 1);
    try {
        switch (data[0] % 7) {
        case 0:
            parse_twice(nic::parse_channels_reply, payload);
            break;
        case 1:
            parse_twice(nic::parse_rings_reply, payload);
            break;
        case 2:
            parse_twice(nic::parse_coalesce_reply, payload);
            break;
        case 3:
            parse_twice(nic::parse_rss_reply, payload);
            break;
        case 4:
            parse_twice(nic::parse_linkmodes_reply, payload);
            break;
        case 5:
            parse_twice(nic::parse_tsinfo_reply, payload);
            break;
        default:
            parse_twice([](auto octets) { return nic::parse_strings_reply(octets, ETH_SS_STATS); },
                        payload);
        }
    } catch (const core::SystemError&) {
        // refused, as most octets must be
    }
    return 0;
}
