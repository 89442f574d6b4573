// SPDX-License-Identifier: BSD-3-Clause
// The kernel's UDP receiver: recvmmsg(2) in batches, verified datagram by datagram, granting credit
// as it drains.
#include "core/error.hpp"
#include "core/flow_group.hpp"
#include "core/receiver.hpp"
#include "core/rx_moderation.hpp"
#include "core/socket.hpp"
#include "core/units.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

namespace pagewire::kernelpath {

namespace {

constexpr unsigned kBatchDatagrams = 32;
/// Asked for with SO_RCVBUFFORCE; the kernel doubles it (socket(7)).
constexpr int kReceiveBufferBytes = 32 * 1024 * 1024;
/// Room behind the largest datagram, so that one too long is seen as such.
constexpr std::size_t kSlackBytes = 64;

/// Datagrams that may be on the way without overflowing the socket's buffer.
///
/// The kernel charges an skb's truesize: whole pages for fragments, a rounded linear area and the
/// struct itself. Half of the buffer is left free because udp_recvmsg() returns charged memory
/// lazily, up to a quarter of it late (net/ipv4/udp.c, udp_rmem_release).
std::uint64_t credit_window(int fd, std::uint32_t mtu)
{
    int buffer_bytes = 0;
    socklen_t length = sizeof(buffer_bytes);
    core::checked(::getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, &length), "getsockopt",
                  "SO_RCVBUF");
    constexpr std::uint32_t page_bytes = 4096;
    const std::uint32_t truesize = core::round_up(mtu, page_bytes) + 2 * page_bytes;
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(buffer_bytes) / 2 / truesize);
}

/// The order's socket, bound, with room for what is on the way.
core::UniqueFd open_bound_socket(const core::ReceiveOrder& order)
{
    core::UniqueFd socket = core::open_socket(SOCK_DGRAM);
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes,
                     sizeof(kReceiveBufferBytes)) != 0) {
        core::checked(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes,
                                   sizeof(kReceiveBufferBytes)),
                      "setsockopt", "SO_RCVBUF");
    }
    core::set_socket_timeouts(socket.get(), std::chrono::milliseconds(10));
    core::bind_socket(socket.get(), order.ipv4, order.port);
    return socket;
}

class UdpReception final : public core::Reception {
  public:
    explicit UdpReception(const core::ReceiveOrder& order)
        : socket_(open_bound_socket(order)),
          flow_(order, socket_.get(), credit_window(socket_.get(), order.mtu)),
          slot_bytes_(core::round_up(order.mtu + kSlackBytes, kSlackBytes)),
          buffer_(slot_bytes_ * kBatchDatagrams)
    {
        for (unsigned i = 0; i < kBatchDatagrams; ++i) {
            parts_[i] = {.iov_base = buffer_.data() + i * slot_bytes_, .iov_len = slot_bytes_};
            auto& header = messages_[i].msg_hdr;
            header.msg_iov = &parts_[i];
            header.msg_iovlen = 1;
            header.msg_name = &senders_[i];
            header.msg_namelen = sizeof(senders_[i]);
        }
    }

    [[nodiscard]] std::uint16_t port() const override
    {
        return core::local_address(socket_.get()).port;
    }

    core::ReceiveReport run(core::BlockVerifier* verifier, core::ReceiveStop& stop) override
    {
        // After the last word it stays, for a sender whom that word did not reach, until the
        // testbed stops it.
        while (!stop.stop_now()) {
            const int got =
                ::recvmmsg(socket_.get(), messages_.data(), kBatchDatagrams,
                           moderation_.is_flowing() ? MSG_DONTWAIT : MSG_WAITFORONE, nullptr);
            if (got < 0 && errno != EAGAIN && errno != EINTR)
                core::throw_errno("recvmmsg", "socket of the UDP sink");
            for (int i = 0; i < got; ++i)
                take(static_cast<unsigned>(i), verifier);
            flow_.end_batch(got > 0);
            moderation_.note(got > 0);
        }
        return flow_.report();
    }

  private:
    void take(unsigned index, core::BlockVerifier* verifier)
    {
        const std::span datagram(buffer_.data() + index * slot_bytes_,
                                 std::min<std::size_t>(messages_[index].msg_len, slot_bytes_));
        messages_[index].msg_hdr.msg_namelen = sizeof(senders_[index]);
        const auto header = core::decode_flow_header(datagram);
        if (flow_.take(header, &senders_[index]) == core::FlowReception::Taken::kData &&
            verifier != nullptr)
            verifier->add(header->offset, datagram.subspan(core::kFlowHeaderBytes));
    }

    core::UniqueFd socket_;
    core::FlowGroup flow_;
    core::RxModeration moderation_;
    std::size_t slot_bytes_;
    std::vector<std::byte> buffer_;
    std::array<iovec, kBatchDatagrams> parts_{};
    std::array<mmsghdr, kBatchDatagrams> messages_{};
    std::array<sockaddr_in, kBatchDatagrams> senders_{};
};

} // namespace

extern const core::Receiver receiver_udp;
constinit const core::Receiver receiver_udp{
    .name = "udp",
    .summary = "recvmmsg(2) from a kernel UDP socket, closed loop by credit",
    .wire = core::Wire::kUdp,
    .probe = [] { return core::Support::available(); },
    .open = [](const core::ReceiveOrder& order) -> std::unique_ptr<core::Reception> {
        return std::make_unique<UdpReception>(order);
    },
};

} // namespace pagewire::kernelpath
