// SPDX-License-Identifier: BSD-3-Clause
#include "core/block_digests.hpp"

#include "core/error.hpp"
#include "core/units.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace pagewire::core {

namespace {

constexpr std::size_t kReadBytes = 256 * kKiB;

static_assert(std::endian::native == std::endian::little,
              "digests travel in host order, which the message format fixes as little-endian");

std::uint64_t num_blocks_of(std::uint64_t length)
{
    return length / kBlockBytes +
           (length % kBlockBytes != 0 ? 1 : 0); // no overflow at the end of the type
}

/// Fills `buffer` from `offset`, over short reads.
void read_exactly(int fd, std::span<std::byte> buffer, std::uint64_t offset,
                  const std::string& name)
{
    while (!buffer.empty()) {
        const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
        if (got < 0) {
            if (errno == EINTR)
                continue;
            throw_errno("read", name);
        }
        if (got == 0)
            throw TransferError(
                fmt::format("{}: ends at byte {}, before its range does", name, offset));
        buffer = buffer.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
}

} // namespace

std::uint64_t block_digest(std::span<const std::byte> block) noexcept
{
    return XXH3_64bits(block.data(), block.size());
}

std::size_t BlockDigests::block_bytes(std::uint64_t index) const noexcept
{
    return static_cast<std::size_t>(
        std::min<std::uint64_t>(kBlockBytes, length - index * kBlockBytes));
}

std::uint64_t BlockDigests::summary() const noexcept
{
    return XXH3_64bits_withSeed(digests.data(), digests.size() * sizeof(std::uint64_t), length);
}

BlockDigests digest_file(int fd, ByteRange range, const std::string& name)
{
    BlockDigests result{.length = range.length, .digests = {}};
    result.digests.reserve(num_blocks_of(range.length));
    std::vector<std::byte> buffer(kReadBytes);
    for (std::uint64_t done = 0; done < range.length;) {
        const auto bytes =
            static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), range.length - done));
        const std::span<std::byte> chunk(buffer.data(), bytes);
        read_exactly(fd, chunk, range.offset + done, name);
        for (std::size_t at = 0; at < bytes; at += kBlockBytes)
            result.digests.push_back(
                block_digest(chunk.subspan(at, std::min(kBlockBytes, bytes - at))));
        done += bytes;
    }
    return result;
}

BlockDigests repeat_digests(const BlockDigests& source, std::uint64_t period, std::uint64_t length)
{
    assert(period % kBlockBytes == 0 || period >= length);
    assert(period <= source.length && length % kBlockBytes == 0);
    BlockDigests result{.length = length, .digests = {}};
    result.digests.reserve(num_blocks_of(length));
    for (std::uint64_t block = 0; block < num_blocks_of(length); ++block)
        result.digests.push_back(source.digests[block % num_blocks_of(period)]);
    return result;
}

std::vector<std::byte> encode_digests(const BlockDigests& digests)
{
    std::vector<std::byte> octets(digests.digests.size() * sizeof(std::uint64_t));
    if (!octets.empty())
        std::memcpy(octets.data(), digests.digests.data(), octets.size());
    return octets;
}

BlockDigests decode_digests(std::uint64_t length, std::span<const std::byte> octets)
{
    if (octets.size() % sizeof(std::uint64_t) != 0 ||
        octets.size() / sizeof(std::uint64_t) != num_blocks_of(length)) {
        throw UsageError(
            fmt::format("{} octets are not the digests of {} bytes", octets.size(), length));
    }
    BlockDigests result{.length = length, .digests = {}};
    result.digests.resize(num_blocks_of(length));
    if (!octets.empty())
        std::memcpy(result.digests.data(), octets.data(), octets.size());
    return result;
}

} // namespace pagewire::core
