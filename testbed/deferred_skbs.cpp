// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/deferred_skbs.hpp"

#include "core/error.hpp"
#include "core/socket.hpp"

#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

namespace pagewire::testbed {

namespace {

/// Puts the calling thread back on the CPUs that it came from.
class AffinityGuard {
  public:
    AffinityGuard()
    {
        core::checked(::sched_getaffinity(0, sizeof(home_), &home_), "sched_getaffinity");
    }

    AffinityGuard(const AffinityGuard&) = delete;
    AffinityGuard& operator=(const AffinityGuard&) = delete;

    ~AffinityGuard() { ::sched_setaffinity(0, sizeof(home_), &home_); }

    [[nodiscard]] const cpu_set_t& home() const noexcept { return home_; }

  private:
    cpu_set_t home_{};
};

} // namespace

void flush_deferred_skbs(const nic::NetNamespace& netns)
{
    const nic::NetNamespace::Visit visit(netns);
    const core::UniqueFd socket = core::open_socket(SOCK_DGRAM);
    core::set_socket_timeouts(socket.get(), std::chrono::milliseconds(100));
    core::bind_socket(socket.get(), htonl(INADDR_LOOPBACK), 0);
    const core::SocketAddress own = core::local_address(socket.get());
    core::connect_socket(socket.get(), own.ipv4, own.port);
    const AffinityGuard guard;
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &guard.home()))
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        core::checked(::sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
        char octet = 0;
        core::checked(::send(socket.get(), &octet, sizeof(octet), 0), "send",
                      "a datagram over loopback");
        // The softirq has run when the datagram is here.
        core::checked(::recv(socket.get(), &octet, sizeof(octet), 0), "recv",
                      "a datagram over loopback");
    }
}

} // namespace pagewire::testbed
