// SPDX-License-Identifier: BSD-3-Clause

/// libFuzzer target: any octets in place of the kernel's features reply give a table or a
/// SystemError.

#include "core/error.hpp"
#include "nic/ethtool_parse.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        const auto table =
            pagewire::nic::parse_features_reply(std::as_bytes(std::span(data, size)));
        if (table.contains("")) // retired bits have no name: none may enter the table
            std::abort();
    } catch (const pagewire::core::SystemError&) {
        // refused, as most octets must be
    }
    return 0;
}
