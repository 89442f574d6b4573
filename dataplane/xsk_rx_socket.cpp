// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/xsk_rx_socket.hpp"

#include "core/error.hpp"
#include "nic/xsk_setup.hpp"

#include <sys/socket.h>

namespace pagewire::dataplane {

XskRxSocket::XskRxSocket(const XskRxConfig& config)
    : umem_(core::Mapping::huge_or_anonymous(std::size_t{config.num_frames} * kRxChunkBytes)),
      fd_(core::checked(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), "socket", "AF_XDP")),
      path_(set_up(config))
{
    nic::bind_xdp_queue(fd_.get(), {.interface = config.interface,
                                    .queue = config.queue,
                                    .scatter_gather = config.scatter_gather});
}

/// In the kernel's order: UMEM, rings (a completion ring too, which bind demands even of a socket
/// that only receives), XDP_MMAP_OFFSETS, mmap of each ring that is used.
XskRxPath XskRxSocket::set_up(const XskRxConfig& config)
{
    const int fd = fd_.get();
    xdp_umem_reg registration{};
    registration.addr = reinterpret_cast<std::uint64_t>(umem_.data());
    registration.len = std::uint64_t{config.num_frames} * kRxChunkBytes;
    registration.chunk_size = kRxChunkBytes;
    nic::set_xdp_option(fd, XDP_UMEM_REG, registration, "XDP_UMEM_REG");
    constexpr std::uint32_t unused_completion_entries = 1;
    nic::set_xdp_option(fd, XDP_UMEM_FILL_RING, config.num_frames, "XDP_UMEM_FILL_RING");
    nic::set_xdp_option(fd, XDP_UMEM_COMPLETION_RING, unused_completion_entries,
                        "XDP_UMEM_COMPLETION_RING");
    nic::set_xdp_option(fd, XDP_RX_RING, config.num_frames, "XDP_RX_RING");
    const auto offsets =
        nic::xdp_option<xdp_mmap_offsets>(fd, XDP_MMAP_OFFSETS, "XDP_MMAP_OFFSETS");
    return XskRxPath(
        {.rx = nic::map_xdp_ring<xdp_desc>(fd, rx_mapping_, offsets.rx, XDP_PGOFF_RX_RING,
                                           config.num_frames, "AF_XDP RX ring"),
         .fill = nic::map_xdp_ring<std::uint64_t>(fd, fill_mapping_, offsets.fr,
                                                  XDP_UMEM_PGOFF_FILL_RING, config.num_frames,
                                                  "AF_XDP fill ring"),
         .umem = umem_.bytes().first(registration.len),
         .chunk_bytes = kRxChunkBytes});
}

void XskRxSocket::wake_if_needed() noexcept
{
    if ((path_.fill_flags() & XDP_RING_NEED_WAKEUP) != 0)
        (void)::recvfrom(fd_.get(), nullptr, 0, MSG_DONTWAIT, nullptr, nullptr);
}

bool XskRxSocket::is_zerocopy() const
{
    return nic::is_xdp_zerocopy(fd_.get());
}

std::map<std::string, std::uint64_t> XskRxSocket::statistics() const
{
    const auto s = nic::xdp_option<xdp_statistics>(fd_.get(), XDP_STATISTICS, "XDP_STATISTICS");
    return {{"rx_dropped", s.rx_dropped},
            {"rx_invalid_descs", s.rx_invalid_descs},
            {"rx_ring_full", s.rx_ring_full},
            {"rx_fill_ring_empty_descs", s.rx_fill_ring_empty_descs}};
}

} // namespace pagewire::dataplane
