// SPDX-License-Identifier: BSD-3-Clause
#include "core/flow_header.hpp"

#include <endian.h>

#include <cstring>

namespace pagewire::core {

namespace {

struct WireFlowHeader {
    std::uint32_t flow;
    std::uint16_t length;
    std::uint8_t kind;
    std::uint8_t version;
    std::uint64_t sequence;
    std::uint64_t offset;
};

static_assert(sizeof(WireFlowHeader) == kFlowHeaderBytes,
              "the application header is shared with every receiver: 24 octets, no padding");

} // namespace

void encode_flow_header(const FlowHeader& header,
                        std::span<std::byte, kFlowHeaderBytes> out) noexcept
{
    const WireFlowHeader wire{.flow = htobe32(header.flow),
                              .length = htobe16(header.length),
                              .kind = static_cast<std::uint8_t>(header.kind),
                              .version = kFlowVersion,
                              .sequence = htobe64(header.sequence),
                              .offset = htobe64(header.offset)};
    std::memcpy(out.data(), &wire, sizeof(wire));
}

std::optional<FlowHeader> decode_flow_header(std::span<const std::byte> datagram) noexcept
{
    return decode_flow_header(datagram, datagram.size());
}

std::optional<FlowHeader> decode_flow_header(std::span<const std::byte> front,
                                             std::size_t datagram_bytes) noexcept
{
    WireFlowHeader wire{};
    if (front.size() < sizeof(wire) || datagram_bytes < sizeof(wire))
        return std::nullopt;
    std::memcpy(&wire, front.data(), sizeof(wire));
    if (wire.version != kFlowVersion ||
        wire.kind < static_cast<std::uint8_t>(FlowHeader::Kind::kData) ||
        wire.kind > static_cast<std::uint8_t>(FlowHeader::Kind::kMemory))
        return std::nullopt;
    const FlowHeader header{.flow = be32toh(wire.flow),
                            .length = be16toh(wire.length),
                            .kind = static_cast<FlowHeader::Kind>(wire.kind),
                            .sequence = be64toh(wire.sequence),
                            .offset = be64toh(wire.offset)};
    const bool is_data = header.kind == FlowHeader::Kind::kData;
    if (header.length != (is_data ? datagram_bytes - sizeof(wire) : 0))
        return std::nullopt;
    return header;
}

} // namespace pagewire::core
