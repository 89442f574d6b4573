// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/xsk_socket.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pagewire::dataplane {

namespace {

static_assert(sizeof(xdp_desc) == 16, "descriptors are shared with the kernel: 16 octets");

/// A queue stays busy for a moment after its last owner has gone: the kernel frees it in a work
/// item.
constexpr int kBindTries = 50;
constexpr useconds_t kBindPauseUs = 10'000;

template<typename Value>
void set_option(int fd, int option, const Value& value, const char* name)
{
    core::checked(::setsockopt(fd, SOL_XDP, option, &value, sizeof(value)), "setsockopt", name);
}

template<typename Value>
Value get_option(int fd, int option, const char* name)
{
    Value value{};
    socklen_t length = sizeof(value);
    core::checked(::getsockopt(fd, SOL_XDP, option, &value, &length), "getsockopt", name);
    return value;
}

void bind_queue(int fd, const XskConfig& config)
{
    const unsigned index = ::if_nametoindex(config.interface.c_str());
    if (index == 0)
        core::throw_errno("if_nametoindex", config.interface);
    sockaddr_xdp address{};
    address.sxdp_family = AF_XDP;
    address.sxdp_ifindex = index;
    address.sxdp_queue_id = config.queue;
    // Neither XDP_COPY nor XDP_ZEROCOPY: the kernel takes the best that the driver does, and is
    // asked afterwards.
    address.sxdp_flags = XDP_USE_SG | XDP_USE_NEED_WAKEUP;
    for (int attempt = 1;; ++attempt) {
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
            return;
        if (errno != EBUSY || attempt == kBindTries)
            break;
        ::usleep(kBindPauseUs);
    }
    const int error = errno;
    std::string object = fmt::format("AF_XDP socket to {} queue {} with several segments a packet",
                                     config.interface, config.queue);
    if (error == EINVAL)
        object += " (XDP_USE_SG came with Linux 6.6; the queue must exist)";
    core::throw_error(error, "bind", object);
}

} // namespace

template<typename Entry>
RingMemory<Entry> XskSocket::map_ring(core::Mapping& mapping, const xdp_ring_offset& offsets,
                                      std::uint64_t page_offset, std::uint32_t entries,
                                      const char* name)
{
    mapping = core::Mapping::kernel_ring(fd_.get(), offsets.desc + entries * sizeof(Entry),
                                         page_offset, name);
    std::byte* base = mapping.data();
    return {.producer = reinterpret_cast<std::uint32_t*>(base + offsets.producer),
            .consumer = reinterpret_cast<std::uint32_t*>(base + offsets.consumer),
            .flags = reinterpret_cast<std::uint32_t*>(base + offsets.flags),
            .entries = reinterpret_cast<Entry*>(base + offsets.desc),
            .size = entries};
}

XskSocket::XskSocket(std::span<std::byte> umem, const XskConfig& config)
    : fd_(core::checked(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), "socket", "AF_XDP"))
{
    const int fd = fd_.get();
    xdp_umem_reg registration{};
    registration.addr = reinterpret_cast<std::uint64_t>(umem.data());
    registration.len = umem.size();
    registration.chunk_size = config.chunk_bytes;
    set_option(fd, XDP_UMEM_REG, registration, "XDP_UMEM_REG");
    constexpr std::uint32_t unused_fill_entries = 1;
    set_option(fd, XDP_UMEM_FILL_RING, unused_fill_entries, "XDP_UMEM_FILL_RING");
    set_option(fd, XDP_UMEM_COMPLETION_RING, config.ring_entries, "XDP_UMEM_COMPLETION_RING");
    set_option(fd, XDP_TX_RING, config.ring_entries, "XDP_TX_RING");

    const auto offsets = get_option<xdp_mmap_offsets>(fd, XDP_MMAP_OFFSETS, "XDP_MMAP_OFFSETS");
    (void)map_ring<std::uint64_t>(fill_mapping_, offsets.fr, XDP_UMEM_PGOFF_FILL_RING,
                                  unused_fill_entries, "AF_XDP fill ring");
    completion_ = ConsumerRing(
        map_ring<std::uint64_t>(completion_mapping_, offsets.cr, XDP_UMEM_PGOFF_COMPLETION_RING,
                                config.ring_entries, "AF_XDP completion ring"));
    tx_ = ProducerRing(map_ring<xdp_desc>(tx_mapping_, offsets.tx, XDP_PGOFF_TX_RING,
                                          config.ring_entries, "AF_XDP TX ring"));
    bind_queue(fd, config);

    // One sendto(2) may then send all that the ring holds (Linux 6.17); an older kernel stops at 32
    // packets.
    if (::setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &config.ring_entries,
                     sizeof(config.ring_entries)) == 0)
        tx_budget_ = config.ring_entries;
}

bool XskSocket::is_zerocopy() const
{
    return (get_option<xdp_options>(fd_.get(), XDP_OPTIONS, "XDP_OPTIONS").flags &
            XDP_OPTIONS_ZEROCOPY) != 0;
}

std::map<std::string, std::uint64_t> XskSocket::statistics() const
{
    const auto s = get_option<xdp_statistics>(fd_.get(), XDP_STATISTICS, "XDP_STATISTICS");
    return {{"rx_dropped", s.rx_dropped},
            {"rx_invalid_descs", s.rx_invalid_descs},
            {"tx_invalid_descs", s.tx_invalid_descs},
            {"rx_ring_full", s.rx_ring_full},
            {"rx_fill_ring_empty_descs", s.rx_fill_ring_empty_descs},
            {"tx_ring_empty_descs", s.tx_ring_empty_descs}};
}

} // namespace pagewire::dataplane
