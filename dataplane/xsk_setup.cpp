// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/xsk_setup.hpp"

#include <fmt/format.h>
#include <net/if.h>
#include <unistd.h>

namespace pagewire::dataplane {

namespace {

/// A queue stays busy for a moment after its last owner has gone: the kernel frees it in a work
/// item.
constexpr int kBindTries = 50;
constexpr useconds_t kBindPauseUs = 10'000;

} // namespace

void bind_xdp_queue(int fd, const std::string& interface, std::uint32_t queue, bool scatter_gather)
{
    const unsigned index = ::if_nametoindex(interface.c_str());
    if (index == 0)
        core::throw_errno("if_nametoindex", interface);
    sockaddr_xdp address{};
    address.sxdp_family = AF_XDP;
    address.sxdp_ifindex = index;
    address.sxdp_queue_id = queue;
    address.sxdp_flags = XDP_USE_NEED_WAKEUP;
    if (scatter_gather)
        address.sxdp_flags |= XDP_USE_SG;
    for (int attempt = 1;; ++attempt) {
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
            return;
        if (errno != EBUSY || attempt == kBindTries)
            break;
        ::usleep(kBindPauseUs);
    }
    const int error = errno;
    std::string object = fmt::format("AF_XDP socket to {} queue {}{}", interface, queue,
                                     scatter_gather ? " with several segments a packet" : "");
    if (error == EINVAL)
        object += scatter_gather ? " (XDP_USE_SG came with Linux 6.6; the queue must exist)"
                                 : " (the queue must exist)";
    core::throw_error(error, "bind", object);
}

} // namespace pagewire::dataplane
