// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/mapping.hpp"
#include "core/method.hpp"
#include "core/unique_fd.hpp"
#include "nic/xdp_uapi.hpp"
#include "nic/xsk_ring.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace pagewire::nic {

struct XskConfig {
    std::string interface;
    std::uint32_t queue = 0;
    std::uint32_t ring_entries = 0; ///< power of two, for TX and completion alike
    std::uint32_t chunk_bytes = 0;
    core::BindMode bind = core::BindMode::kAuto;
    bool several_segments = true;      ///< XDP_USE_SG
    bool unaligned = false;            ///< descriptors may cross chunks
    std::uint32_t tx_metadata_len = 0; ///< octets before each descriptor; 0: none
    std::uint32_t busy_poll_us = 0;    ///< SO_BUSY_POLL, SO_PREFER_BUSY_POLL; 0: off
    /// Chunks of the UMEM that a queue in zero-copy mode receives into; 0, or a power of two.
    std::uint32_t rx_chunks = 0;
    std::uint64_t rx_addr = 0; ///< where they begin, one behind the other
};

/// An AF_XDP socket that transmits, with the UMEM registered on it
/// (Documentation/networking/af_xdp.rst).
///
/// Set-up in the kernel's order: socket, XDP_UMEM_REG, the rings (a fill ring too, which bind
/// demands even of a socket that only sends), XDP_MMAP_OFFSETS, mmap of each ring, bind. No XDP
/// program is attached: sending needs none on the devices of copy mode. In zero-copy mode the queue
/// receives into the fill ring's chunks too, whatever comes by it: without any the kernel would get
/// no packet by that queue any more. What a program passes on is copied to an skb, and the chunk
/// used again: a few are enough, given once. The socket, and with it the
/// queue, is free again when the descriptor and the ring mappings are gone, which members' order
/// sees to.
class XskSocket {
  public:
    /// `umem` outlives the socket. Throws SystemError that names call, interface and queue.
    XskSocket(std::span<std::byte> umem, const XskConfig& config);

    /// On another queue of the same device, sharing the UMEM that `umem_owner` has registered
    /// (XDP_SHARED_UMEM). Rings are its own; whether it copies, and how it is woken, is as there.
    XskSocket(const XskSocket& umem_owner, const XskConfig& config);

    [[nodiscard]] ProducerRing<xdp_desc>& tx() noexcept { return tx_; }

    [[nodiscard]] ConsumerRing<std::uint64_t>& completion() noexcept { return completion_; }

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// What the kernel says of the binding: XDP_OPTIONS, XDP_OPTIONS_ZEROCOPY.
    [[nodiscard]] bool is_zerocopy() const;

    /// XDP_STATISTICS, by the kernel's names.
    [[nodiscard]] std::map<std::string, std::uint64_t> statistics() const;

    /// Packets that one sendto(2) may send in copy mode; 0: the kernel has no such option (32).
    [[nodiscard]] std::uint32_t tx_budget() const noexcept { return tx_budget_; }

  private:
    void set_up(const XskConfig& config, int umem_of);

    core::UniqueFd fd_;
    core::Mapping fill_mapping_;
    core::Mapping completion_mapping_;
    core::Mapping tx_mapping_;
    ProducerRing<xdp_desc> tx_;
    ConsumerRing<std::uint64_t> completion_;
    std::uint32_t tx_budget_ = 0;
};

} // namespace pagewire::nic
