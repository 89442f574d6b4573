// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/error.hpp"
#include "core/mapping.hpp"
#include "core/method.hpp"
#include "core/support.hpp"
#include "nic/xdp_uapi.hpp"
#include "nic/xsk_ring.hpp"

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string>

/// The calls by which an AF_XDP socket is set up, with errors that name option, ring or queue
/// (Documentation/networking/af_xdp.rst).
namespace pagewire::nic {

static_assert(sizeof(xdp_desc) == 16, "descriptors are shared with the kernel: 16 octets");

template<typename Value>
void set_xdp_option(int fd, int option, const Value& value, const char* name)
{
    core::checked(::setsockopt(fd, SOL_XDP, option, &value, sizeof(value)), "setsockopt", name);
}

template<typename Value>
[[nodiscard]] Value xdp_option(int fd, int option, const char* name)
{
    Value value{};
    socklen_t length = sizeof(value);
    core::checked(::getsockopt(fd, SOL_XDP, option, &value, &length), "getsockopt", name);
    return value;
}

/// One ring: its mapping, which outlives what is made of the result.
template<typename Entry>
[[nodiscard]] RingMemory<Entry>
map_xdp_ring(int fd, core::Mapping& mapping, const xdp_ring_offset& offsets,
             std::uint64_t page_offset, std::uint32_t entries, const char* name)
{
    mapping =
        core::Mapping::kernel_ring(fd, offsets.desc + entries * sizeof(Entry), page_offset, name);
    std::byte* base = mapping.data();
    return {.producer = reinterpret_cast<std::uint32_t*>(base + offsets.producer),
            .consumer = reinterpret_cast<std::uint32_t*>(base + offsets.consumer),
            .flags = reinterpret_cast<std::uint32_t*>(base + offsets.flags),
            .entries = reinterpret_cast<Entry*>(base + offsets.desc),
            .size = entries};
}

/// What a socket is bound to, and how.
struct XdpBinding {
    std::string interface;
    std::uint32_t queue = 0;
    bool scatter_gather = false;                 ///< XDP_USE_SG: packets take several descriptors
    core::BindMode mode = core::BindMode::kAuto; ///< kAuto: neither XDP_COPY nor XDP_ZEROCOPY
    /// Another socket's, bound before, whose UMEM this one shares (XDP_SHARED_UMEM) and whose flags
    /// it takes over: it has its own rings, fill and completion ring too, for its own queue.
    int umem_of = -1;
};

/// bind(2) with XDP_USE_NEED_WAKEUP. Where no mode is asked for the kernel takes the best that the
/// driver does, and is asked afterwards (is_xdp_zerocopy). Waits a moment for a queue whose last
/// owner has just gone. Throws SystemError that says what the refusal usually means.
void bind_xdp_queue(int fd, const XdpBinding& binding);

/// What the kernel says of a binding: XDP_OPTIONS, XDP_OPTIONS_ZEROCOPY. Throws SystemError.
[[nodiscard]] bool is_xdp_zerocopy(int fd);

/// Whether this kernel and this caller may have AF_XDP sockets.
[[nodiscard]] core::Support probe_xdp_sockets();

} // namespace pagewire::nic
