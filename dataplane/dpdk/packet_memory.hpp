// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dataplane/engine.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

struct rte_mbuf;
struct rte_mempool;

namespace pagewire::dataplane::dpdk {

/// Packet memory of EAL's own, which drivers and the other side of virtio-user know: memory that is
/// only registered with EAL breaks virtio-user without a word. In one piece, a region for each
/// queue.
class PacketMemory {
  public:
    /// `region_bytes` are rounded down to whole chunks. EAL has started. Throws
    /// core::TransferError.
    PacketMemory(std::uint64_t region_bytes, std::uint32_t num_regions);

    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

    [[nodiscard]] std::span<std::byte> region(std::uint32_t index) const noexcept
    {
        return bytes_.subspan(index * region_bytes_, region_bytes_);
    }

    /// Which pages back it.
    [[nodiscard]] const std::string& page_note() const noexcept { return page_note_; }

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

    void explain_pages();

    std::size_t region_bytes_;
    std::unique_ptr<std::byte, Free> memory_;
    std::span<std::byte> bytes_;
    std::string page_note_;
    std::vector<std::uint64_t> iovas_; // by chunk: neighbours here need be none for the device
};

/// Packets whose segments lie in PacketMemory, attached to mbufs that have no room of their own.
///
///     alloc -> attach (refcnt 1) -> rte_eth_tx_burst -> the driver frees the chain: refcnt 0
///                                                          -> callback: addr to the returned ones
///     take_returned() <------------------------------------------+
///
/// The callback runs where the driver frees: in Port::send(), Port::clean_up() and ~Port(), which
/// are one thread's, or come after it.
class ExtbufPackets {
  public:
    struct Config {
        std::uint32_t region = 0;       ///< of the memory; addresses count from its start
        std::uint32_t num_segments = 0; ///< at once
    };

    /// Throws core::TransferError.
    ExtbufPackets(const PacketMemory& memory, const Config& config);
    ~ExtbufPackets();
    ExtbufPackets(const ExtbufPackets&) = delete;
    ExtbufPackets& operator=(const ExtbufPackets&) = delete;

    /// Checksums that every packet asks of the port from now on, in mbufs' words
    /// (RTE_MBUF_F_TX_...).
    void ask_for(std::uint64_t tx_flags) noexcept { tx_flags_ = tx_flags; }

    /// One packet of these segments; null where too few mbufs are free, or too many that came back
    /// wait to be taken. At most Segmenter's.
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
    std::uint64_t base_; // of the region
    std::uint64_t tx_flags_ = 0;
    rte_mempool* pool_ = nullptr;
    std::vector<std::uint64_t> returned_; // room for all segments that are out or here
    std::size_t num_returned_ = 0;
    std::uint64_t num_out_ = 0;
};

} // namespace pagewire::dataplane::dpdk
