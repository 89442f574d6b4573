// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/xdp_uapi.hpp"
#include "nic/xsk_ring.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pagewire::dataplane {

/// A packet as it lies in the UMEM: its pieces, in order. Valid during the call that gets it.
using PacketPieces = std::span<const std::span<const std::byte>>;

/// The way of frames through an AF_XDP socket that receives (Documentation/networking/af_xdp.rst,
/// "RX Ring", "UMEM Fill Ring", "Multi-Buffer Rx").
///
///     all frames --> fill ring --> kernel --> RX ring --> packet, verified --+
///                       ^                                                   |
///                       +---------------------------------------------------+
///
/// Every frame is the kernel's, in a ring, or held here until its packet's last descriptor
/// (no XDP_PKT_CONTD) has been dealt with; whose it is stands in `with_kernel_`. Descriptors are
/// the kernel's word and are not trusted: one that lies outside the UMEM, crosses its chunk, is
/// empty, or names a frame that the kernel was not given spoils its packet, which is refused and
/// counted. So does a chain of more than kPiecesMax descriptors. Frames of refused packets go back
/// like all others.
///
/// No system calls, no allocation after construction; not for two threads.
class XskRxPath {
  public:
    /// An IPv4 packet of 65535 octets takes 18 frames of 3840 octets; no driver makes more of it.
    static constexpr std::uint32_t kPiecesMax = 32;

    struct Layout {
        nic::RingMemory<xdp_desc> rx;
        nic::RingMemory<std::uint64_t> fill; ///< no smaller than the number of frames
        std::span<const std::byte> umem;
        std::uint32_t chunk_bytes = 0; ///< aligned mode: the UMEM is a whole number of chunks
    };

    /// Puts every frame into the fill ring. Memory and rings outlive this. Throws core::UsageError
    /// where the fill ring is too small for that.
    explicit XskRxPath(const Layout& layout);

    /// Deals with up to `max` descriptors: calls take(PacketPieces) for each whole packet among
    /// them, then gives its frames back. A packet whose last descriptors have not come waits for
    /// the next call. Returns the number of descriptors.
    template<typename Take>
    std::uint32_t receive(std::uint32_t max, Take&& take)
    {
        std::uint32_t index = 0;
        const std::uint32_t count = rx_.peek(max, index);
        for (std::uint32_t i = 0; i < count; ++i) {
            const xdp_desc descriptor = rx_.entry(index + i);
            accept(descriptor);
            if ((descriptor.options & XDP_PKT_CONTD) != 0)
                continue;
            if (spoilt_)
                ++num_refused_;
            else
                take(PacketPieces(pieces_).first(num_pieces_));
            spoilt_ = false;
            give_back();
        }
        if (count > 0) {
            rx_.release();
            fill_.submit();
        }
        return count;
    }

    /// The kernel's flags word of the fill ring (XDP_RING_NEED_WAKEUP).
    [[nodiscard]] std::uint32_t fill_flags() const noexcept { return fill_.flags(); }

    /// Packets not handed on: nonsense descriptors, chains too long.
    [[nodiscard]] std::uint64_t num_refused() const noexcept { return num_refused_; }

    /// Frames that the kernel has, in its rings or in hand.
    [[nodiscard]] std::uint32_t num_with_kernel() const noexcept;

  private:
    void accept(const xdp_desc& descriptor) noexcept;
    void give_back() noexcept;

    nic::ConsumerRing<xdp_desc> rx_;
    nic::ProducerRing<std::uint64_t> fill_;
    std::span<const std::byte> umem_;
    std::uint64_t chunk_bytes_;
    std::array<std::span<const std::byte>, kPiecesMax> pieces_{}; // of the packet at hand
    std::array<std::uint64_t, kPiecesMax> held_{};                // its frames, by number
    std::uint32_t num_pieces_ = 0;
    std::uint32_t num_held_ = 0;
    bool spoilt_ = false;
    std::uint64_t num_refused_ = 0;
    std::vector<bool> with_kernel_; // by frame
};

} // namespace pagewire::dataplane
