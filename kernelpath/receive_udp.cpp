// SPDX-License-Identifier: BSD-3-Clause
// The kernel's UDP receiver: recvmmsg(2) in batches, verified datagram by datagram, granting credit
// as it drains.
#include "core/error.hpp"
#include "core/flow_header.hpp"
#include "core/receiver.hpp"
#include "core/sequence_ledger.hpp"
#include "core/socket.hpp"
#include "core/units.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <vector>

namespace pagewire::kernelpath {

namespace {

using Clock = std::chrono::steady_clock;
using FlowKind = core::FlowHeader::Kind;

constexpr unsigned kBatchDatagrams = 32;
/// Asked for with SO_RCVBUFFORCE; the kernel doubles it (socket(7)).
constexpr int kReceiveBufferBytes = 8 * 1024 * 1024;
/// After the sender's finish, datagrams still on the way are waited for until none has come for
/// this long.
constexpr std::chrono::milliseconds kQuiet{50};
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

class UdpReception final : public core::Reception {
  public:
    explicit UdpReception(const core::ReceiveOrder& order)
        : order_(order),
          socket_(core::open_socket(SOCK_DGRAM)),
          // A datagram carries at least one octet of the stream, and a duplicate has its original's
          // number.
          arrivals_(order.length),
          slot_bytes_(core::round_up(order.mtu + kSlackBytes, kSlackBytes))
    {
        if (::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes,
                         sizeof(kReceiveBufferBytes)) != 0) {
            core::checked(::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes,
                                       sizeof(kReceiveBufferBytes)),
                          "setsockopt", "SO_RCVBUF");
        }
        core::set_socket_timeouts(socket_.get(), std::chrono::milliseconds(10));
        core::bind_socket(socket_.get(), order.ipv4, order.port);
        window_ = credit_window(socket_.get(), order.mtu);
        buffer_.resize(slot_bytes_ * kBatchDatagrams);
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
            const int got = ::recvmmsg(socket_.get(), messages_.data(), kBatchDatagrams,
                                       MSG_WAITFORONE, nullptr);
            if (got < 0 && errno != EAGAIN && errno != EINTR)
                core::throw_errno("recvmmsg", "socket of the UDP sink");
            for (int i = 0; i < got; ++i)
                take(static_cast<unsigned>(i), verifier);
            if (got > 0)
                last_arrival_ = Clock::now();
            if (num_sent_.has_value() && !report_.complete)
                check_end();
            else if (got > 0 && !num_sent_.has_value())
                renew_credit();
        }
        report_.counters["datagrams"] = arrivals_.num_distinct();
        report_.counters["datagrams_duplicate"] = arrivals_.num_duplicate();
        report_.counters["datagrams_reordered"] = arrivals_.num_reordered();
        report_.counters["datagrams_foreign"] = num_foreign_;
        report_.counters["datagrams_lost"] =
            arrivals_.num_lost(num_sent_.value_or(arrivals_.next()));
        report_.counters["credit_window"] = window_;
        return report_;
    }

  private:
    void take(unsigned index, core::BlockVerifier* verifier)
    {
        const std::span datagram(buffer_.data() + index * slot_bytes_,
                                 std::min<std::size_t>(messages_[index].msg_len, slot_bytes_));
        messages_[index].msg_hdr.msg_namelen = sizeof(senders_[index]);
        const auto header = core::decode_flow_header(datagram);
        if (!header || header->flow != order_.flow) {
            ++num_foreign_;
            return;
        }
        switch (header->kind) {
        case FlowKind::kData: {
            const auto arrival = arrivals_.note(header->sequence);
            if (arrival == core::SequenceLedger::Arrival::kRefused) {
                ++num_foreign_;
                return;
            }
            if (arrival == core::SequenceLedger::Arrival::kNew)
                report_.bytes_received += header->length;
            if (verifier != nullptr)
                verifier->add(header->offset, datagram.subspan(core::kFlowHeaderBytes));
            return;
        }
        case FlowKind::kProbe:
            // What was sent before the probe has been drained, or is lost: either way its room is
            // free.
            sender_ = senders_[index];
            grant(std::max(header->sequence, arrivals_.next()) + window_);
            return;
        case FlowKind::kFinish:
            sender_ = senders_[index];
            num_sent_ = header->sequence;
            if (report_.complete)
                tell_done(); // asked again: the first answer was lost
            return;
        case FlowKind::kCredit:
        case FlowKind::kDone:
            ++num_foreign_;
            return;
        }
    }

    /// Grants when a quarter of the window has been drained: four small datagrams a window.
    void renew_credit()
    {
        const std::uint64_t limit = arrivals_.next() + window_;
        if (sender_.has_value() && limit >= granted_ + std::max<std::uint64_t>(1, window_ / 4))
            grant(limit);
    }

    void grant(std::uint64_t limit)
    {
        granted_ = std::max(granted_, limit);
        answer({.flow = order_.flow, .kind = FlowKind::kCredit, .sequence = granted_, .offset = 0});
    }

    void check_end()
    {
        const bool all_here = arrivals_.num_distinct() >= *num_sent_;
        const auto quiet = all_here ? Clock::duration::zero() : Clock::now() - last_arrival_;
        if (!all_here && quiet < kQuiet)
            return;
        quiet_ns_ = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::nanoseconds>(quiet).count());
        report_.complete = true;
        tell_done();
    }

    void tell_done() const
    {
        answer({.flow = order_.flow,
                .kind = FlowKind::kDone,
                .sequence = arrivals_.num_distinct(),
                .offset = quiet_ns_});
    }

    void answer(const core::FlowHeader& header) const
    {
        std::array<std::byte, core::kFlowHeaderBytes> octets{};
        core::encode_flow_header(header, octets);
        // A lost answer is asked for again by the sender's next probe or finish.
        (void)::sendto(socket_.get(), octets.data(), octets.size(), MSG_DONTWAIT,
                       reinterpret_cast<const sockaddr*>(&*sender_), sizeof(*sender_));
    }

    core::ReceiveOrder order_;
    core::UniqueFd socket_;
    core::SequenceLedger arrivals_;
    std::size_t slot_bytes_;
    std::uint64_t window_ = 1;
    std::uint64_t granted_ = 0;
    std::uint64_t num_foreign_ = 0;
    std::optional<std::uint64_t> num_sent_;
    std::optional<sockaddr_in> sender_;
    Clock::time_point last_arrival_{};
    std::uint64_t quiet_ns_ = 0;
    core::ReceiveReport report_;

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
