// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/error.hpp"
#include "core/mapping.hpp"
#include "dataplane/xdp_uapi.hpp"
#include "dataplane/xsk_ring.hpp"

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string>

/// The calls by which an AF_XDP socket is set up, with errors that name option, ring or queue
/// (Documentation/networking/af_xdp.rst).
namespace pagewire::dataplane {

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

/// bind(2) with XDP_USE_NEED_WAKEUP, and XDP_USE_SG where packets take several descriptors. Neither
/// XDP_COPY nor XDP_ZEROCOPY: the kernel takes the best that the driver does, and is asked
/// afterwards. Waits a moment for a queue whose last owner has just gone. Throws SystemError.
void bind_xdp_queue(int fd, const std::string& interface, std::uint32_t queue, bool scatter_gather);

} // namespace pagewire::dataplane
