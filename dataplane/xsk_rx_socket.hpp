// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/mapping.hpp"
#include "core/unique_fd.hpp"
#include "dataplane/xsk_rx_path.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace pagewire::dataplane {

/// Octets of a chunk, and of those what a packet's piece may fill: the kernel leaves
/// XDP_PACKET_HEADROOM in front of each (include/net/xsk_buff_pool.h, xsk_pool_get_rx_frame_size).
inline constexpr std::uint32_t kRxChunkBytes = 4096;
inline constexpr std::uint32_t kRxPieceBytes = kRxChunkBytes - 256;

struct XskRxConfig {
    std::string interface;
    std::uint32_t queue = 0;
    std::uint32_t num_frames = 0; ///< power of two; both rings have an entry for each
    bool scatter_gather = false;  ///< packets of more than kRxPieceBytes are to come (Linux 6.6)
};

/// An AF_XDP socket that receives on one queue, with a UMEM of its own. Packets come once an XDP
/// program redirects them to it (xdp/xdp_program.hpp). RX ring and fill ring hold every frame: they
/// cannot overflow, and what limits is the number of frames.
class XskRxSocket {
  public:
    /// Throws SystemError that names call, interface and queue.
    explicit XskRxSocket(const XskRxConfig& config);

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    [[nodiscard]] XskRxPath& path() noexcept { return path_; }

    /// Tells the kernel of a driver that waits for it that there are frames again
    /// (XDP_USE_NEED_WAKEUP).
    void wake_if_needed() noexcept;

    /// What the kernel says of the binding: XDP_OPTIONS, XDP_OPTIONS_ZEROCOPY.
    [[nodiscard]] bool is_zerocopy() const;

    /// Those of XDP_STATISTICS that are about receiving, by the kernel's names.
    [[nodiscard]] std::map<std::string, std::uint64_t> statistics() const;

    [[nodiscard]] const std::string& memory_note() const noexcept { return umem_.page_note(); }

  private:
    [[nodiscard]] XskRxPath set_up(const XskRxConfig& config);

    core::Mapping umem_; // before the socket: it outlives it
    core::UniqueFd fd_;
    core::Mapping fill_mapping_;
    core::Mapping rx_mapping_;
    XskRxPath path_;
};

} // namespace pagewire::dataplane
