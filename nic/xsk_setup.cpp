// SPDX-License-Identifier: BSD-3-Clause
#include "nic/xsk_setup.hpp"

#include "core/unique_fd.hpp"

#include <fmt/format.h>
#include <net/if.h>
#include <unistd.h>

namespace pagewire::nic {

namespace {

/// A queue stays busy for a moment after its last owner has gone: the kernel frees it in a work
/// item.
constexpr int kBindTries = 200;
constexpr useconds_t kBindPauseUs = 10'000;

/// What the kernel's refusal usually means (net/xdp/xsk.c, xsk_bind; xsk_buff_pool.c,
/// xp_assign_dev).
std::string bind_advice(int error, bool scatter_gather)
{
    switch (error) {
    case EINVAL:
        return scatter_gather ? " (the queue must exist; XDP_USE_SG came with Linux 6.6)"
                              : " (the queue must exist)";
    case EOPNOTSUPP:
        return scatter_gather
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

std::uint16_t bind_flags(const XdpBinding& binding)
{
    if (binding.umem_of >= 0)
        return XDP_SHARED_UMEM;
    int flags = XDP_USE_NEED_WAKEUP | (binding.scatter_gather ? XDP_USE_SG : 0);
    switch (binding.mode) {
    case core::BindMode::kAuto:
        break;
    case core::BindMode::kCopy:
        flags |= XDP_COPY;
        break;
    case core::BindMode::kZerocopy:
        flags |= XDP_ZEROCOPY;
        break;
    }
    return static_cast<std::uint16_t>(flags);
}

} // namespace

void bind_xdp_queue(int fd, const XdpBinding& binding)
{
    const unsigned index = ::if_nametoindex(binding.interface.c_str());
    if (index == 0)
        core::throw_errno("if_nametoindex", binding.interface);
    sockaddr_xdp address{};
    address.sxdp_family = AF_XDP;
    address.sxdp_ifindex = index;
    address.sxdp_queue_id = binding.queue;
    address.sxdp_flags = bind_flags(binding);
    if (binding.umem_of >= 0)
        address.sxdp_shared_umem_fd = static_cast<std::uint32_t>(binding.umem_of);
    for (int attempt = 1;; ++attempt) {
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
            return;
        if (errno != EBUSY || attempt == kBindTries)
            break;
        ::usleep(kBindPauseUs);
    }
    const int error = errno;
    core::throw_error(error, "bind",
                      fmt::format("AF_XDP socket to {} queue {}{}{}", binding.interface,
                                  binding.queue,
                                  binding.scatter_gather ? " with several segments a packet" : "",
                                  bind_advice(error, binding.scatter_gather)));
}

bool is_xdp_zerocopy(int fd)
{
    return (xdp_option<xdp_options>(fd, XDP_OPTIONS, "XDP_OPTIONS").flags & XDP_OPTIONS_ZEROCOPY) !=
           0;
}

core::Support probe_xdp_sockets()
{
    const core::UniqueFd socket(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (socket)
        return core::Support::available();
    if (errno == EAFNOSUPPORT)
        return core::Support::unavailable(
            "this kernel is built without AF_XDP (CONFIG_XDP_SOCKETS)");
    if (errno == EPERM)
        return core::Support::unavailable("AF_XDP sockets need CAP_NET_RAW: run as root");
    return core::Support::unavailable(fmt::format("socket(AF_XDP): {}", core::errno_text(errno)));
}

} // namespace pagewire::nic
