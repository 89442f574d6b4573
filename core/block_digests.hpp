// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pagewire::core {

/// The unit of verification: a file range is cut into blocks of 4 KiB from its first byte; the last
/// may be short.
inline constexpr std::size_t kBlockBytes = 4096;

/// XXH3 64-bit, seed 0 (xxHash, doc/xxhash_spec.md), of one block.
[[nodiscard]] std::uint64_t block_digest(std::span<const std::byte> block) noexcept;

/// What the receiver must find: one digest for each block of a stream of `length` bytes.
struct BlockDigests {
    std::uint64_t length = 0;
    std::vector<std::uint64_t> digests;

    [[nodiscard]] std::uint64_t num_blocks() const noexcept { return digests.size(); }

    /// Bytes of block `index`: kBlockBytes, less for the last.
    [[nodiscard]] std::size_t block_bytes(std::uint64_t index) const noexcept;

    /// One digest over all, to compare two digest lists at a glance.
    [[nodiscard]] std::uint64_t summary() const noexcept;

    bool operator==(const BlockDigests&) const = default;
};

/// Digests of the range of an open file, read through the page cache. Throws SystemError, or
/// TransferError where the file ends before the range does.
[[nodiscard]] BlockDigests digest_file(int fd, ByteRange range, const std::string& name);

/// Digests of a stream of `length` bytes that repeats the first `period` bytes of `source`.
/// `period` is a multiple of kBlockBytes, or at least as long as the stream.
[[nodiscard]] BlockDigests repeat_digests(const BlockDigests& source, std::uint64_t period,
                                          std::uint64_t length);

/// As octets, little-endian, for a control message; and back (throws UsageError on a wrong size).
[[nodiscard]] std::vector<std::byte> encode_digests(const BlockDigests& digests);
[[nodiscard]] BlockDigests decode_digests(std::uint64_t length, std::span<const std::byte> octets);

} // namespace pagewire::core
