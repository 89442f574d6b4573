// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dataplane/engine.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

struct rte_mbuf;
struct rte_mempool;

namespace pagewire::dataplane::dpdk {

/// Packet memory of EAL's own, which drivers and the other side of virtio-user know: memory that is
/// only registered with EAL breaks virtio-user without a word.
class PacketMemory {
  public:
    /// Whole chunks of `bytes`. EAL has started. Throws core::TransferError.
    explicit PacketMemory(std::uint64_t bytes);

    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

    /// What the device reaches `addr` by, an offset from the start.
    [[nodiscard]] std::uint64_t iova(std::uint64_t addr) const noexcept
    {
        return iovas_[addr / kChunkBytes] + addr % kChunkBytes;
    }

  private:
    struct Free {
        void operator()(std::byte* memory) const noexcept;
        std::size_t size;
    };

    std::unique_ptr<std::byte, Free> memory_;
    std::span<std::byte> bytes_;
    std::vector<std::uint64_t> iovas_; // by chunk: neighbours here need be none for the device
};

/// Packets whose segments lie in PacketMemory, attached to mbufs that have no room of their own.
///
///     alloc -> attach (refcnt 1) -> rte_eth_tx_burst -> the driver frees the chain: refcnt 0
///                                                          -> callback: addr to the returned ones
///     take_returned() <------------------------------------------+
///
/// The callback runs where the driver frees: in Port::send(), Port::clean_up() and ~Port(), which
/// are one thread's.
class ExtbufPackets {
  public:
    /// As many segments at once. Throws core::TransferError.
    ExtbufPackets(const PacketMemory& memory, std::uint32_t num_segments, bool udp_checksum);
    ~ExtbufPackets();
    ExtbufPackets(const ExtbufPackets&) = delete;
    ExtbufPackets& operator=(const ExtbufPackets&) = delete;

    /// One packet of these segments; null where too few mbufs are free. At most Segmenter's.
    [[nodiscard]] rte_mbuf* make(std::span<const Descriptor> segments) noexcept;

    /// Stores addresses of segments that the driver has freed; returns how many.
    [[nodiscard]] std::size_t take_returned(std::span<std::uint64_t> addrs) noexcept;

    [[nodiscard]] bool has_returned() const noexcept { return num_returned_ > 0; }

    /// Segments that the driver has and has not freed.
    [[nodiscard]] std::uint64_t num_out() const noexcept { return num_out_; }

  private:
    struct Loan; // behind each mbuf, in its private area

    static void on_free(void* buffer, void* loan) noexcept;

    const PacketMemory& memory_;
    bool udp_checksum_;
    rte_mempool* pool_ = nullptr;
    std::vector<std::uint64_t> returned_; // room for all segments
    std::size_t num_returned_ = 0;
    std::uint64_t num_out_ = 0;
};

} // namespace pagewire::dataplane::dpdk
