// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/split_ring.hpp"

#include <atomic>

namespace pagewire::dataplane {

namespace {

// Loads and stores of memory that the driver's process reads and writes at the same time.

std::uint16_t load(const std::uint16_t& index, std::memory_order order) noexcept
{
    return std::atomic_ref(const_cast<std::uint16_t&>(index)).load(order);
}

void store(std::uint16_t& index, std::uint16_t value, std::memory_order order) noexcept
{
    std::atomic_ref(index).store(value, order);
}

} // namespace

static_assert(sizeof(vring_desc) == 16 && sizeof(vring_used_elem) == 8,
              "virtio 1.1 §2.6.5, §2.6.8: the driver lays them out so");
static_assert(std::atomic_ref<std::uint16_t>::is_always_lock_free,
              "shared with another process: a lock of this one would not do");

std::optional<std::span<const std::byte>> GuestMemory::find(std::uint64_t addr,
                                                            std::uint32_t len) const noexcept
{
    for (const Region& region : regions_) {
        // Differences, not sums: addr + len may wrap.
        if (addr < region.guest_addr)
            continue;
        const std::uint64_t at = addr - region.guest_addr;
        if (at <= region.bytes.size() && len <= region.bytes.size() - at)
            return region.bytes.subspan(at, len);
    }
    return std::nullopt;
}

SplitRing::SplitRing(const Areas& areas, GuestMemory memory, std::uint16_t next_index)
    : areas_(areas),
      memory_(std::move(memory)),
      segments_(areas.size),
      next_avail_(next_index),
      next_used_(next_index)
{}

std::optional<DescriptorChain> SplitRing::next() noexcept
{
    // Pairs with the driver's release: descriptors and entry are older than the index.
    const std::uint16_t avail = load(areas_.avail->idx, std::memory_order_acquire);
    const auto count = static_cast<std::uint16_t>(avail - next_avail_);
    if (count == 0 || broken_)
        return std::nullopt;
    if (count > areas_.size) {
        broken_ = true;
        return std::nullopt;
    }
    const auto slot = static_cast<std::size_t>(next_avail_ & (areas_.size - 1));
    const std::uint16_t head = load(areas_.avail->ring[slot], std::memory_order_relaxed);
    ++next_avail_;
    num_segments_ = 0;
    const bool well_formed = walk(head);
    return DescriptorChain{.head = head,
                           .well_formed = well_formed,
                           .segments = std::span(segments_).first(num_segments_)};
}

bool SplitRing::walk(std::uint16_t head) noexcept
{
    // §2.6.5.2: no chain is longer than the queue, and so a longer one is a loop.
    std::uint16_t index = head;
    while (num_segments_ < segments_.size()) {
        if (index >= areas_.size)
            return false;
        const vring_desc desc = areas_.desc[index]; // read once: it may change meanwhile
        if ((desc.flags & ~VRING_DESC_F_NEXT) != 0)
            return false; // indirect: not offered; for the device to write: not in this direction
        const auto bytes = memory_.find(desc.addr, desc.len);
        if (!bytes)
            return false;
        segments_[num_segments_++] = {.guest_addr = desc.addr, .bytes = *bytes};
        if ((desc.flags & VRING_DESC_F_NEXT) == 0)
            return true;
        index = desc.next;
    }
    return false;
}

void SplitRing::finish(const DescriptorChain& chain) noexcept
{
    const auto slot = static_cast<std::size_t>(next_used_ & (areas_.size - 1));
    areas_.used->ring[slot] = {.id = chain.head, .len = 0}; // nothing was written
    ++next_used_;
}

void SplitRing::publish() noexcept
{
    store(areas_.used->idx, next_used_, std::memory_order_release);
}

void SplitRing::decline_kicks() noexcept
{
    store(areas_.used->flags, VRING_USED_F_NO_NOTIFY, std::memory_order_relaxed);
}

} // namespace pagewire::dataplane
