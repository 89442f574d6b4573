// SPDX-License-Identifier: BSD-3-Clause

/// libFuzzer target: a datagram that is read as a header has just this header's octets in front.

#include "core/flow_header.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace pagewire::core;
    const auto datagram = std::as_bytes(std::span(data, size));
    const auto header = decode_flow_header(datagram);
    if (!header)
        return 0;
    std::array<std::byte, kFlowHeaderBytes> again{};
    encode_flow_header(*header, again);
    if (!std::equal(again.begin(), again.end(), datagram.begin()))
        std::abort();
    if (header->kind == FlowHeader::Kind::kData && header->length != size - kFlowHeaderBytes)
        std::abort();
    return 0;
}
