// SPDX-License-Identifier: BSD-3-Clause
// Hardware timestamps (Documentation/networking/timestamping.rst): of datagrams as the near device
// sends them, and as the far device receives them, by each device's own clock.
#include "core/error.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/rig.hpp"
#include "nic/checks/timestamps.hpp"
#include "nic/inventory.hpp"

#include <fmt/format.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <vector>

namespace pagewire::nic {

namespace {

constexpr int kNumPackets = 16;
constexpr int kLongestWaitMs = 200;
constexpr std::uint64_t kSecondNs = 1'000'000'000;

bool has(const Rig::End& end, const char* capability)
{
    const auto told = read_inventory(end.netns, end.interface).timestamping;
    return told && std::find(told->capabilities.begin(), told->capabilities.end(), capability) !=
                       told->capabilities.end();
}

void ask(int socket, int flags)
{
    flags |= SOF_TIMESTAMPING_RAW_HARDWARE;
    core::checked(::setsockopt(socket, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags)),
                  "setsockopt", "SO_TIMESTAMPING");
}

/// The device's stamp of the next message, or of the next answer in the error queue; 0: none.
std::uint64_t next_stamp(int socket, bool of_error_queue)
{
    pollfd waiting{
        .fd = socket, .events = static_cast<short>(of_error_queue ? 0 : POLLIN), .revents = 0};
    if (::poll(&waiting, 1, kLongestWaitMs) <= 0)
        return 0;
    std::array<std::byte, 2048> octets{};
    alignas(cmsghdr) std::array<char, 512> control{};
    iovec part{.iov_base = octets.data(), .iov_len = octets.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(socket, &message, MSG_DONTWAIT | (of_error_queue ? MSG_ERRQUEUE : 0)) < 0)
        return 0;
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPING)
            continue;
        std::array<timespec, 3> stamps{}; // software, none any more, hardware
        std::memcpy(stamps.data(), CMSG_DATA(c), sizeof(stamps));
        return static_cast<std::uint64_t>(stamps[2].tv_sec) * kSecondNs +
               static_cast<std::uint64_t>(stamps[2].tv_nsec);
    }
    return 0;
}

Finding run(Rig& rig)
{
    const bool transmits = has(rig.near, "hardware-transmit");
    const bool receives = has(rig.far, "hardware-receive");
    if (!transmits && !receives)
        return Judgement::skip(fmt::format("{} and {}: no hardware timestamps", rig.near.interface,
                                           rig.far.interface));
    if (transmits)
        rig.near.guard.set_hw_timestamping({.tx_type = HWTSTAMP_TX_ON});
    if (receives)
        rig.far.guard.set_hw_timestamping({.rx_filter = HWTSTAMP_FILTER_ALL});
    rig.settle(); // some drivers start anew for it
    UdpPair pair(rig, IpVersion::k4);
    ask(pair.near(), SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_OPT_TSONLY);
    ask(pair.far(), SOF_TIMESTAMPING_RX_HARDWARE);
    std::vector<std::uint64_t> sent;
    std::vector<std::uint64_t> received;
    std::array<std::byte, 64> octets{};
    for (int i = 0; i < kNumPackets; ++i) {
        rig.refuse_interruption();
        if (const int error = pair.send(octets); error != 0)
            core::throw_error(error, "send", rig.near.interface);
        if (transmits)
            sent.push_back(next_stamp(pair.near(), true));
        if (receives)
            received.push_back(next_stamp(pair.far(), false));
    }
    Judgement judgement;
    if (transmits)
        judge_stamps("transmit", sent, judgement);
    if (receives)
        judge_stamps("receive", received, judgement);
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_hw_timestamps{
    .name = "hw-timestamps",
    .summary = "hardware timestamps of sent and received packets: there, and in their order",
    .run = run};

} // namespace pagewire::nic
