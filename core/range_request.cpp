// SPDX-License-Identifier: BSD-3-Clause
#include "core/range_request.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

namespace pagewire::core {

namespace {

constexpr unsigned kOctetBits = 8;

void put(std::span<std::byte> octets, std::uint64_t value) noexcept
{
    for (std::byte& octet : octets) {
        octet = static_cast<std::byte>(value);
        value >>= kOctetBits;
    }
}

std::uint64_t get(std::span<const std::byte> octets) noexcept
{
    std::uint64_t value = 0;
    for (std::size_t i = octets.size(); i-- > 0;)
        value = value << kOctetBits | std::to_integer<std::uint64_t>(octets[i]);
    return value;
}

} // namespace

RangeRequestOctets encode_range_request(const ByteRange& range) noexcept
{
    RangeRequestOctets octets{};
    put(std::span(octets).first(sizeof(range.offset)), range.offset);
    put(std::span(octets).last(sizeof(range.length)), range.length);
    return octets;
}

ByteRange decode_range_request(const RangeRequestOctets& octets, const ByteRange& allowed)
{
    const ByteRange range{.offset = get(std::span(octets).first(sizeof(range.offset))),
                          .length = get(std::span(octets).last(sizeof(range.length)))};
    // Differences, for the sum of what a peer sends may wrap.
    if (range.length == 0 || range.offset < allowed.offset || range.offset >= allowed.end() ||
        range.length > allowed.end() - range.offset) {
        throw TransferError(fmt::format("a request asks for {} bytes from {}, and the file's range "
                                        "is {} bytes from {}",
                                        range.length, range.offset, allowed.length,
                                        allowed.offset));
    }
    return range;
}

} // namespace pagewire::core
