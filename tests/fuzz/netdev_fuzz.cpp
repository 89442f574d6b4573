// SPDX-License-Identifier: BSD-3-Clause

/// libFuzzer target: any octets in place of the kernel's netdev reply give a device or a
/// SystemError.

#include "core/error.hpp"
#include "nic/netdev_parse.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto payload = std::as_bytes(std::span(data, size));
    try {
        const auto device = pagewire::nic::parse_netdev_reply(payload);
        if (device != pagewire::nic::parse_netdev_reply(payload)) // of these octets, nothing else
            std::abort();
    } catch (const pagewire::core::SystemError&) {
        // refused, as most octets must be
    }
    return 0;
}
