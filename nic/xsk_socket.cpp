// SPDX-License-Identifier: BSD-3-Clause
#include "nic/xsk_socket.hpp"

#include "core/error.hpp"
#include "nic/xsk_setup.hpp"

#include <sys/socket.h>

#include <algorithm>

namespace pagewire::nic {

namespace {

void register_umem(int fd, std::span<std::byte> umem, const XskConfig& config)
{
    UmemRegistration registration{
        .addr = reinterpret_cast<std::uint64_t>(umem.data()),
        .len = umem.size(),
        .chunk_size = config.chunk_bytes,
        .flags = (config.unaligned ? std::uint32_t{XDP_UMEM_UNALIGNED_CHUNK_FLAG} : 0U) |
                 (config.tx_metadata_len > 0 ? std::uint32_t{XDP_UMEM_TX_METADATA_LEN} : 0U),
        .tx_metadata_len = config.tx_metadata_len};
    if (::setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &registration, sizeof(registration)) == 0)
        return;
    if (config.tx_metadata_len > 0 && errno == EINVAL) {
        // From 6.8 to 6.10 the length alone told.
        registration.flags &= ~std::uint32_t{XDP_UMEM_TX_METADATA_LEN};
        if (::setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &registration, sizeof(registration)) == 0)
            return;
        core::throw_errno("setsockopt", "XDP_UMEM_REG (TX metadata came with Linux 6.8)");
    }
    core::throw_errno("setsockopt", "XDP_UMEM_REG");
}

/// Documentation/networking/napi.rst, "Busy polling"; Documentation/networking/af_xdp.rst.
void set_busy_poll(int fd, std::uint32_t microseconds)
{
    const auto set = [fd](int option, int value, const char* name) {
        core::checked(::setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value)), "setsockopt",
                      name);
    };
    constexpr int budget = 64;
    set(SO_PREFER_BUSY_POLL, 1, "SO_PREFER_BUSY_POLL");
    set(SO_BUSY_POLL, static_cast<int>(microseconds), "SO_BUSY_POLL");
    set(SO_BUSY_POLL_BUDGET, budget, "SO_BUSY_POLL_BUDGET");
}

} // namespace

XskSocket::XskSocket(std::span<std::byte> umem, const XskConfig& config)
    : fd_(core::checked(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), "socket", "AF_XDP"))
{
    register_umem(fd_.get(), umem, config);
    set_up(config, -1);
}

XskSocket::XskSocket(const XskSocket& umem_owner, const XskConfig& config)
    : fd_(core::checked(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), "socket", "AF_XDP"))
{
    set_up(config, umem_owner.fd());
}

void XskSocket::set_up(const XskConfig& config, int umem_of)
{
    const int fd = fd_.get();
    const std::uint32_t fill_entries = std::max(config.rx_chunks, 1U);
    set_xdp_option(fd, XDP_UMEM_FILL_RING, fill_entries, "XDP_UMEM_FILL_RING");
    set_xdp_option(fd, XDP_UMEM_COMPLETION_RING, config.ring_entries, "XDP_UMEM_COMPLETION_RING");
    set_xdp_option(fd, XDP_TX_RING, config.ring_entries, "XDP_TX_RING");

    const auto offsets = xdp_option<xdp_mmap_offsets>(fd, XDP_MMAP_OFFSETS, "XDP_MMAP_OFFSETS");
    ProducerRing fill(map_xdp_ring<std::uint64_t>(
        fd, fill_mapping_, offsets.fr, XDP_UMEM_PGOFF_FILL_RING, fill_entries, "AF_XDP fill ring"));
    if (std::uint32_t index = 0; config.rx_chunks > 0 && fill.reserve(config.rx_chunks, index)) {
        for (std::uint32_t i = 0; i < config.rx_chunks; ++i)
            fill.entry(index + i) = config.rx_addr + std::uint64_t{i} * config.chunk_bytes;
        fill.submit();
    }
    completion_ = ConsumerRing(map_xdp_ring<std::uint64_t>(
        fd, completion_mapping_, offsets.cr, XDP_UMEM_PGOFF_COMPLETION_RING, config.ring_entries,
        "AF_XDP completion ring"));
    tx_ = ProducerRing(map_xdp_ring<xdp_desc>(fd, tx_mapping_, offsets.tx, XDP_PGOFF_TX_RING,
                                              config.ring_entries, "AF_XDP TX ring"));
    bind_xdp_queue(fd, {.interface = config.interface,
                        .queue = config.queue,
                        .scatter_gather = config.several_segments,
                        .mode = config.bind,
                        .umem_of = umem_of});
    if (config.busy_poll_us > 0)
        set_busy_poll(fd, config.busy_poll_us);

    // One sendto(2) may then send all that the ring holds (Linux 6.17); an older kernel stops at 32
    // packets.
    if (::setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &config.ring_entries,
                     sizeof(config.ring_entries)) == 0)
        tx_budget_ = config.ring_entries;
}

bool XskSocket::is_zerocopy() const
{
    return is_xdp_zerocopy(fd_.get());
}

std::map<std::string, std::uint64_t> XskSocket::statistics() const
{
    const auto s = xdp_option<xdp_statistics>(fd_.get(), XDP_STATISTICS, "XDP_STATISTICS");
    return {{"rx_dropped", s.rx_dropped},
            {"rx_invalid_descs", s.rx_invalid_descs},
            {"tx_invalid_descs", s.tx_invalid_descs},
            {"rx_ring_full", s.rx_ring_full},
            {"rx_fill_ring_empty_descs", s.rx_fill_ring_empty_descs},
            {"tx_ring_empty_descs", s.tx_ring_empty_descs}};
}

} // namespace pagewire::nic
