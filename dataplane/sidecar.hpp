// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dataplane/segmenter.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pagewire::dataplane {

/// The stream whose packets are summed: positions as the segmenter's.
struct SidecarStream {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t base_offset = 0; ///< in the file, of position 0; a multiple of its alignment
};

/// The one's-complement sum of each packet's payload, taken once before the transfer, so that the
/// transfer itself need not read what it sends. Two octets a packet.
class ChecksumSidecar {
  public:
    /// Reads the file with O_DIRECT: nothing enters the page cache. Throws SystemError,
    /// TransferError where the file ends early.
    [[nodiscard]] static ChecksumSidecar
    of_file(const std::string& path, const SidecarStream& stream, const Segmenter& segmenter);

    /// Of a stream that goes round and round in packet memory.
    [[nodiscard]] static ChecksumSidecar of_memory(std::span<const std::byte> memory,
                                                   const PacketMemoryLayout& layout,
                                                   const SidecarStream& stream,
                                                   const Segmenter& segmenter);

    /// Of packet `sequence`'s payload, folded. Only for packets that the segmenter cut.
    [[nodiscard]] std::uint16_t payload_sum(std::uint64_t sequence) const noexcept
    {
        return sums_[sequence];
    }

  private:
    std::vector<std::uint16_t> sums_;
};

} // namespace pagewire::dataplane
