// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#define VIRTIO_RING_NO_LEGACY // its inline functions are no C++
#include <linux/virtio_ring.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

/// The device's side of a virtio split virtqueue (Virtual I/O Device 1.1, §2.6), as far as a NIC
/// that only takes packets has one: no indirect descriptors, nothing written to the driver's
/// buffers.
///
///     driver                                    device (this)
///     desc[], avail->ring[i] = head
///     avail->idx, release  ---------------->    acquire, next(): walks head -> next -> ...
///                                               reads the buffers (the DMA)
///     used->idx, acquire   <----------------    finish(), publish(): release
///
/// The other side is another process, and nothing that it writes is trusted: each descriptor is
/// read once, and an address counts only where the memory that the driver shared holds it.
namespace pagewire::dataplane {

/// Memory that the driver shared, by the addresses that it uses for it.
class GuestMemory {
  public:
    struct Region {
        std::uint64_t guest_addr = 0;
        std::span<std::byte> bytes; ///< the same memory in this process
    };

    GuestMemory() = default;

    explicit GuestMemory(std::vector<Region> regions) : regions_(std::move(regions)) {}

    /// Where `[addr, addr + len)` lies here; nothing where no region holds all of it.
    [[nodiscard]] std::optional<std::span<const std::byte>> find(std::uint64_t addr,
                                                                 std::uint32_t len) const noexcept;

  private:
    std::vector<Region> regions_;
};

/// One buffer of a chain: where the driver says that it is, and where that is here.
struct ChainSegment {
    std::uint64_t guest_addr = 0;
    std::span<const std::byte> bytes;
};

/// One chain that the driver made available.
struct DescriptorChain {
    std::uint16_t head = 0;
    /// False: a loop, an index beyond the table, a flag that was not negotiated, an address outside
    /// of the shared memory. It is given back like any other.
    bool well_formed = false;
    std::span<const ChainSegment> segments; ///< until the next call
};

class SplitRing {
  public:
    /// As vhost gives them: the three areas, mapped here, for `size` entries, a power of two.
    struct Areas {
        const vring_desc* desc = nullptr;
        const vring_avail* avail = nullptr;
        vring_used* used = nullptr;
        std::uint16_t size = 0;
    };

    /// `next_index`: of the first entry that is still to be taken, 0 for a new ring.
    SplitRing(const Areas& areas, GuestMemory memory, std::uint16_t next_index = 0);

    /// The next chain that the driver made available, if there is one.
    [[nodiscard]] std::optional<DescriptorChain> next() noexcept;

    /// The chain's buffers are the driver's again, once publish() has said so.
    void finish(const DescriptorChain& chain) noexcept;

    /// Tells the driver of all that was finished.
    void publish() noexcept;

    /// Asks the driver not to tell this side of what it makes available: a call of the kernel each
    /// time. Who looks often needs none.
    void decline_kicks() noexcept;

    /// More became available than the ring holds: its indices are nonsense, and nothing is taken
    /// any more.
    [[nodiscard]] bool is_broken() const noexcept { return broken_; }

  private:
    [[nodiscard]] bool walk(std::uint16_t head) noexcept;

    Areas areas_;
    GuestMemory memory_;
    std::vector<ChainSegment> segments_; // room for the longest chain
    std::size_t num_segments_ = 0;
    std::uint16_t next_avail_;
    std::uint16_t next_used_;
    bool broken_ = false;
};

} // namespace pagewire::dataplane
