// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/block_digests.hpp"
#include "core/flow_header.hpp"
#include "core/units.hpp"

#include <algorithm>
#include <cstdint>

namespace pagewire::kernelpath {

/// Where a kernel method cuts the file's bytes into datagrams: as the dataplane's segmenter does
/// where the MTU has room for a whole page, so that both send the same packets
/// (docs/decisions/0004-page-cuts.md). Where it has none, each datagram is as full as it can be: an
/// engine cuts at the page's end there too, for its descriptors' sake, and a socket has no such
/// reason (docs/decisions/0013-kernel-methods-over-udp.md).
class DatagramCut {
  public:
    /// `end`: file offset after the last byte to be sent.
    DatagramCut(std::uint32_t mtu, std::uint64_t end) noexcept
        : room_(mtu - kHeaderBytes),
          end_(end)
    {}

    /// Payload octets that the MTU leaves.
    [[nodiscard]] std::uint32_t room() const noexcept { return room_; }

    /// Payload octets of the datagram that begins at a file offset below `end`.
    [[nodiscard]] std::uint32_t datagram_bytes(std::uint64_t offset) const noexcept
    {
        if (end_ - offset <= room_)
            return static_cast<std::uint32_t>(end_ - offset);
        if (room_ < core::kBlockBytes)
            return room_;
        return static_cast<std::uint32_t>(
            core::round_down<std::uint64_t>(offset + room_, core::kBlockBytes) - offset);
    }

    /// Octets of as many whole datagrams as `chunk_bytes` holds, of one at least.
    [[nodiscard]] std::uint64_t turn_bytes(std::uint64_t offset,
                                           std::uint64_t chunk_bytes) const noexcept
    {
        std::uint64_t bytes = datagram_bytes(offset);
        while (offset + bytes < end_) {
            const std::uint64_t next = datagram_bytes(offset + bytes);
            if (bytes + next > chunk_bytes)
                break;
            bytes += next;
        }
        return bytes;
    }

    /// No turn that begins within the range is longer.
    [[nodiscard]] std::uint64_t turn_bytes_max(std::uint64_t chunk_bytes) const noexcept
    {
        return std::max<std::uint64_t>(chunk_bytes, room_);
    }

  private:
    /// IPv4 without options (RFC 791 §3.1), UDP (RFC 768), the application's own.
    static constexpr std::uint32_t kHeaderBytes = 20 + 8 + core::kFlowHeaderBytes;

    std::uint32_t room_;
    std::uint64_t end_;
};

} // namespace pagewire::kernelpath
