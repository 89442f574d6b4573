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

/// What the kernel's refusal usually means (net/xdp/xsk.c, xsk_bind; xsk_buff_pool.c,
/// xp_assign_dev).
std::string bind_advice(int error, const XskConfig& config)
{
    switch (error) {
    case EINVAL:
        return config.several_segments ? " (the queue must exist; XDP_USE_SG came with Linux 6.6)"
                                       : " (the queue must exist)";
    case EOPNOTSUPP:
        return config.several_segments
                   ? " in zero-copy (the driver has none, or takes one segment a packet: use the "
                     "layout 'headroom')"
                   : " in zero-copy (the driver has none for this queue: use 'copy')";
    case EBUSY:
        return " (another AF_XDP socket holds the queue)";
    case ENETDOWN:
        return " (the device is down: ip link set it up)";
    default:
        return "";
    }
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
    const auto wanted = config.bind == core::BindMode::kCopy       ? XDP_COPY
                        : config.bind == core::BindMode::kZerocopy ? XDP_ZEROCOPY
                                                                   : 0;
    address.sxdp_flags = static_cast<std::uint16_t>(XDP_USE_NEED_WAKEUP | wanted |
                                                    (config.several_segments ? XDP_USE_SG : 0));
    for (int attempt = 1;; ++attempt) {
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
            return;
        if (errno != EBUSY || attempt == kBindTries)
            break;
        ::usleep(kBindPauseUs);
    }
    const int error = errno;
    core::throw_error(error, "bind",
                      fmt::format("AF_XDP socket to {} queue {}{}{}", config.interface,
                                  config.queue,
                                  config.several_segments ? " with several segments a packet" : "",
                                  bind_advice(error, config)));
}

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
    register_umem(fd, umem, config);
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
