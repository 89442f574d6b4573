// SPDX-License-Identifier: BSD-3-Clause
#include "tests/nic/software_nic.hpp"

#include "core/error.hpp"
#include "nic/link.hpp"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

// Of Linux 6.2; not in Debian 12's headers.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

namespace pagewire::nic {

namespace {

constexpr const char* kNearName = "swnic0";
constexpr const char* kFarName = "swnic1";
constexpr std::size_t kFrameRoom = std::size_t{256} << 10U;

core::UniqueFd open_tap(const NetNamespace& netns, const std::string& name)
{
    const NetNamespace::Visit visit(netns);
    core::UniqueFd fd(core::checked(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), "open",
                                    "/dev/net/tun"));
    ifreq request{};
    std::memcpy(request.ifr_name, name.data(), name.size());
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    core::checked(::ioctl(fd.get(), TUNSETIFF, &request), "TUNSETIFF", name);
    constexpr unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
    constexpr unsigned udp = TUN_F_USO4 | TUN_F_USO6;
    if (::ioctl(fd.get(), TUNSETOFFLOAD, tcp | udp) != 0)
        core::checked(::ioctl(fd.get(), TUNSETOFFLOAD, tcp), "TUNSETOFFLOAD", name);
    return fd;
}

/// To a device that is down, or has no room, a frame is lost as on a wire.
void deliver(int fd, WireFrame& frame)
{
    std::array<iovec, 2> parts{{{.iov_base = &frame.header, .iov_len = sizeof(frame.header)},
                                {.iov_base = frame.octets.data(), .iov_len = frame.octets.size()}}};
    (void)::writev(fd, parts.data(), parts.size());
}

} // namespace

SoftwareNic::SoftwareNic()
    : stop_(core::checked(::eventfd(0, EFD_CLOEXEC), "eventfd")),
      buffer_(kFrameRoom)
{
    for (const auto& [port, name] : {std::pair{&near_, kNearName}, std::pair{&far_, kFarName}}) {
        port->fd = open_tap(port->netns, name);
        set_link_up(port->netns, name);
        port->guard = std::make_unique<DeviceGuard>(port->netns, name);
    }
    mtu_found_ = link_facts(near_.netns, kNearName).mtu;
    thread_ = std::thread([this] { work(); });
}

SoftwareNic::~SoftwareNic()
{
    near_.guard.reset();
    far_.guard.reset();
    const std::uint64_t one = 1;
    (void)!::write(stop_.get(), &one, sizeof(one));
    thread_.join();
}

RigEnd SoftwareNic::near()
{
    return {.netns = &near_.netns, .interface = kNearName, .guard = near_.guard.get()};
}

RigEnd SoftwareNic::far()
{
    return {.netns = &far_.netns, .interface = kFarName, .guard = far_.guard.get()};
}

void SoftwareNic::set_lie(Lie lie)
{
    const std::lock_guard lock(mutex_);
    lie_ = std::move(lie);
    num_lies_.store(0);
}

void SoftwareNic::work() noexcept
{
    std::array<pollfd, 3> waiting{{{.fd = near_.fd.get(), .events = POLLIN, .revents = 0},
                                   {.fd = far_.fd.get(), .events = POLLIN, .revents = 0},
                                   {.fd = stop_.get(), .events = POLLIN, .revents = 0}}};
    for (;;) {
        if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR)
            return;
        if (waiting[2].revents != 0)
            return;
        carry(near_, far_);
        carry(far_, near_);
    }
}

void SoftwareNic::carry(const Port& from, const Port& to)
{
    VnetHeader asked;
    std::array<iovec, 2> parts{{{.iov_base = &asked, .iov_len = sizeof(asked)},
                                {.iov_base = buffer_.data(), .iov_len = buffer_.size()}}};
    for (;;) {
        const ssize_t count = ::readv(from.fd.get(), parts.data(), parts.size());
        if (count < static_cast<ssize_t>(sizeof(asked)))
            return; // nothing more; an interface that is down gives EIO or nothing
        const auto frame =
            std::span(buffer_).first(static_cast<std::size_t>(count) - sizeof(asked));
        std::vector<WireFrame> wire;
        for (Octets& octets : wire_frames(asked, frame))
            wire.push_back({.header = {}, .octets = std::move(octets)});
        if (wire.size() > 1)
            ++num_cuts_;
        if (&from == &near_)
            tell_lie(asked, frame, wire);
        for (WireFrame& one : wire)
            deliver(to.fd.get(), one);
    }
}

void SoftwareNic::tell_lie(const VnetHeader& asked, std::span<const std::byte> frame,
                           std::vector<WireFrame>& wire)
{
    const std::lock_guard lock(mutex_);
    if (!lie_)
        return;
    Handed handed{
        .asked = asked, .frame = frame, .at = {}, .is_transport = false, .mtu_found = mtu_found_};
    handed.is_transport = find_headers(frame, handed.at);
    if (lie_(handed, wire))
        ++num_lies_;
}

} // namespace pagewire::nic
