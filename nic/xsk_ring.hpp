// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>

/// The single-producer, single-consumer rings that AF_XDP shares with user space
/// (Documentation/networking/af_xdp.rst, "Rings"; kernel side net/xdp/xsk_queue.h). User space
/// produces into fill and TX, consumes from RX and completion.
///
///     producer                                    consumer
///     write entries [cached_prod ...)             load-acquire producer     (1) pairs with (2)
///     store-release producer   (2)                read entries [cached_cons ...)
///     load-acquire consumer    (3)                store-release consumer (4) pairs with (3)
///
/// (1)-(2): entries are seen before the index that covers them. (3)-(4): an entry is overwritten
/// only after the other side has done with it. Indices run freely over 32 bits and wrap; `size` is
/// a power of two. Each side keeps a cached copy of the other's index and reads the shared one only
/// when the cache shows too little: the index's cache line stays with its writer.
namespace pagewire::nic {

/// Where a ring lies: pointers into the kernel's mapping, or into plain memory in a test.
template<typename Entry>
struct RingMemory {
    std::uint32_t* producer = nullptr;
    std::uint32_t* consumer = nullptr;
    std::uint32_t* flags = nullptr;
    Entry* entries = nullptr;
    std::uint32_t size = 0;
};

/// A ring may be in use by the other side before this side has begun: even the first look is an
/// acquire.
[[nodiscard]] inline std::uint32_t load_index(std::uint32_t* index) noexcept
{
    return std::atomic_ref(*index).load(std::memory_order_acquire);
}

template<typename Entry>
class ProducerRing {
  public:
    ProducerRing() noexcept = default;

    explicit ProducerRing(const RingMemory<Entry>& memory) noexcept
        : memory_(memory),
          mask_(memory.size - 1),
          cached_producer_(load_index(memory.producer)),
          cached_consumer_(load_index(memory.consumer))
    {
        assert((memory.size & mask_) == 0);
    }

    /// Entries that can be reserved now; at least `wanted` where there are that many.
    [[nodiscard]] std::uint32_t num_free(std::uint32_t wanted) noexcept
    {
        std::uint32_t free = memory_.size - (cached_producer_ - cached_consumer_);
        if (free < wanted) {
            cached_consumer_ = load_index(memory_.consumer); // (3)
            free = memory_.size - (cached_producer_ - cached_consumer_);
        }
        return free;
    }

    /// All of `count` entries or none; they are written through entry() and published by submit().
    [[nodiscard]] bool reserve(std::uint32_t count, std::uint32_t& index) noexcept
    {
        if (num_free(count) < count)
            return false;
        index = cached_producer_;
        cached_producer_ += count;
        return true;
    }

    [[nodiscard]] Entry& entry(std::uint32_t index) noexcept
    {
        return memory_.entries[index & mask_];
    }

    /// Publishes everything reserved so far.
    void submit() noexcept
    {
        std::atomic_ref(*memory_.producer)
            .store(cached_producer_, std::memory_order_release); // (2)
    }

    /// The kernel's flags word (XDP_RING_NEED_WAKEUP).
    [[nodiscard]] std::uint32_t flags() const noexcept
    {
        return std::atomic_ref(*memory_.flags).load(std::memory_order_relaxed);
    }

    /// The consumer has taken everything submitted.
    [[nodiscard]] bool drained() noexcept { return num_free(memory_.size) == memory_.size; }

  private:
    RingMemory<Entry> memory_;
    std::uint32_t mask_ = 0;
    std::uint32_t cached_producer_ = 0;
    std::uint32_t cached_consumer_ = 0;
};

template<typename Entry>
class ConsumerRing {
  public:
    ConsumerRing() noexcept = default;

    explicit ConsumerRing(const RingMemory<Entry>& memory) noexcept
        : memory_(memory),
          mask_(memory.size - 1),
          cached_producer_(load_index(memory.producer)),
          cached_consumer_(load_index(memory.consumer))
    {
        assert((memory.size & mask_) == 0);
    }

    /// Up to `wanted` entries from `index` on, read through entry(), given back by release().
    [[nodiscard]] std::uint32_t peek(std::uint32_t wanted, std::uint32_t& index) noexcept
    {
        std::uint32_t available = cached_producer_ - cached_consumer_;
        if (available < wanted) {
            cached_producer_ = load_index(memory_.producer); // (1)
            available = cached_producer_ - cached_consumer_;
        }
        index = cached_consumer_;
        const std::uint32_t taken = available < wanted ? available : wanted;
        cached_consumer_ += taken;
        return taken;
    }

    [[nodiscard]] const Entry& entry(std::uint32_t index) const noexcept
    {
        return memory_.entries[index & mask_];
    }

    /// The last `count` peeked entries are left in the ring after all.
    void cancel(std::uint32_t count) noexcept { cached_consumer_ -= count; }

    /// Gives everything peeked back to the producer.
    void release() noexcept
    {
        std::atomic_ref(*memory_.consumer)
            .store(cached_consumer_, std::memory_order_release); // (4)
    }

  private:
    RingMemory<Entry> memory_;
    std::uint32_t mask_ = 0;
    std::uint32_t cached_producer_ = 0;
    std::uint32_t cached_consumer_ = 0;
};

} // namespace pagewire::nic
