// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/block_verifier.hpp"
#include "core/flow_header.hpp"
#include "dataplane/split_ring.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace pagewire::dataplane {

/// Addresses of the driver's: where its disk reads land.
struct AddressRange {
    std::uint64_t begin = 0;
    std::uint64_t bytes = 0;

    [[nodiscard]] bool holds(std::uint64_t addr, std::uint64_t len) const noexcept
    {
        return addr >= begin && addr - begin <= bytes && len <= bytes - (addr - begin);
    }
};

/// One packet as a software NIC finds it in a descriptor chain: virtio's header, then Ethernet,
/// IPv4 without options, UDP and FlowHeader, then payload, cut into buffers anywhere.
///
/// virtio's header is judged as far as its checksum goes. Headers are copied out before they are
/// judged; the payload is read once, where it lies.
class VhostPacket {
  public:
    /// `skip`: octets of virtio's header. The chain's memory outlives this.
    VhostPacket(const DescriptorChain& chain, std::size_t skip);

    /// Nothing where the packet is too short for what it says of itself.
    [[nodiscard]] const std::optional<core::FlowHeader>& header() const noexcept { return header_; }

    /// Octets of the packet, its headers included.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

    /// Buffers behind virtio's own header: what a NIC has descriptors for.
    [[nodiscard]] unsigned num_segments() const noexcept { return num_segments_; }

    /// The driver leaves the UDP checksum to the NIC (virtio 1.1 §5.1.6.2,
    /// VIRTIO_NET_HDR_F_NEEDS_CSUM).
    [[nodiscard]] bool leaves_checksum() const noexcept { return leaves_checksum_; }

    /// Whether the UDP checksum is the packet's; true where it has none (RFC 768). Where it is left
    /// to the NIC: whether the sum that a NIC makes, of all from where the driver says and of what
    /// stands in the field, would be the packet's: the field holds the pseudo header's sum.
    [[nodiscard]] bool checksum_is_right() const noexcept;

    /// Payload octets that lie in the range, by the descriptors' own addresses.
    [[nodiscard]] std::uint64_t payload_bytes_in(const AddressRange& range) const noexcept;

    /// The payload, piece by piece: each octet read once, as DMA would.
    void verify(core::BlockVerifier& verifier) const;

    /// The same for nobody: copied to `out`, which is as large as the longest packet.
    void copy_payload(std::span<std::byte> out) const noexcept;

  private:
    template<typename Take>
    void for_each_payload(Take take) const;

    static constexpr std::size_t kFrontBytes = 128;

    void read_virtio_header(std::size_t skip) noexcept;

    std::span<const ChainSegment> segments_;
    std::size_t payload_at_; // in the chain
    std::array<std::byte, kFrontBytes> front_{};
    std::optional<core::FlowHeader> header_;
    bool leaves_checksum_ = false;
    bool checksum_place_is_right_ = false;
    std::size_t bytes_ = 0;
    unsigned num_segments_ = 0;
};

} // namespace pagewire::dataplane
