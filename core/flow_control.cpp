// SPDX-License-Identifier: BSD-3-Clause
#include "core/flow_control.hpp"

#include "core/error.hpp"
#include "core/socket.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace pagewire::core {

namespace {

/// A drained receiver answers within microseconds; after this long, credit or datagrams were lost.
constexpr std::chrono::milliseconds kProbeAfter{20};
/// Longer than the receiver's own quiet wait, which a repeated finish would prolong.
constexpr std::chrono::milliseconds kFinishAgainAfter{100};

} // namespace

FlowControl::FlowControl(const TransferJob& job) : socket_(open_socket(SOCK_DGRAM)), flow_(job.flow)
{
    bind_socket(socket_.get(), job.local.ipv4, 0);
    connect_socket(socket_.get(), job.peer.ipv4, job.peer.port);
    set_socket_timeouts(socket_.get(), kProbeAfter);
}

std::uint16_t FlowControl::local_port() const
{
    return local_address(socket_.get()).port;
}

void FlowControl::open(const TransferWatch& watch)
{
    while (limit_ == 0) {
        wait_credit(0);
        watch.check();
    }
}

void FlowControl::poll_credit()
{
    (void)receive(MSG_DONTWAIT);
}

bool FlowControl::receive(int how)
{
    constexpr unsigned num_at_once = 16;
    std::array<std::array<std::byte, kFlowHeaderBytes>, num_at_once> octets{};
    std::array<iovec, num_at_once> parts{};
    std::array<mmsghdr, num_at_once> messages{};
    for (unsigned i = 0; i < num_at_once; ++i) {
        parts[i] = {.iov_base = octets[i].data(), .iov_len = octets[i].size()};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int got = ::recvmmsg(socket_.get(), messages.data(), num_at_once, how, nullptr);
    if (got < 0) {
        if (errno == ECONNREFUSED)
            throw TransferError("the sink does not listen on its UDP port any more");
        if (errno != EAGAIN && errno != EINTR)
            throw_errno("recvmmsg", "credit socket");
        return errno == EINTR; // io_uring's task work: not a silence
    }
    for (int i = 0; i < got; ++i)
        take(std::span(octets[i]).first(messages[i].msg_len));
    return true;
}

void FlowControl::take(std::span<const std::byte> datagram)
{
    const auto header = decode_flow_header(datagram);
    if (!header || header->flow != flow_)
        return;
    if (header->kind == FlowHeader::Kind::kCredit)
        limit_ = std::max(limit_, header->sequence);
    else if (header->kind == FlowHeader::Kind::kDone)
        outcome_ = Outcome{.num_received = header->sequence,
                           .quiet = std::chrono::nanoseconds(header->offset)};
}

void FlowControl::wait_credit(std::uint64_t next_sequence)
{
    if (limit_ > 0 && receive(MSG_WAITFORONE))
        return;
    tell(FlowHeader::Kind::kProbe, next_sequence);
    (void)receive(MSG_WAITFORONE);
}

FlowControl::Outcome FlowControl::finish(std::uint64_t num_sent, const TransferWatch& watch)
{
    while (!outcome_.has_value()) {
        tell(FlowHeader::Kind::kFinish, num_sent);
        const auto again_at = std::chrono::steady_clock::now() + kFinishAgainAfter;
        do {
            (void)receive(MSG_WAITFORONE);
            watch.check();
        } while (!outcome_.has_value() && std::chrono::steady_clock::now() < again_at);
    }
    return *outcome_;
}

void FlowControl::tell(FlowHeader::Kind kind, std::uint64_t sequence)
{
    std::array<std::byte, kFlowHeaderBytes> octets{};
    encode_flow_header({.flow = flow_, .kind = kind, .sequence = sequence, .offset = 0}, octets);
    if (::send(socket_.get(), octets.data(), octets.size(), MSG_DONTWAIT) >= 0)
        return;
    if (errno == ECONNREFUSED)
        throw TransferError("the sink does not listen on its UDP port");
    if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
        throw_errno("send", "credit socket");
}

} // namespace pagewire::core
