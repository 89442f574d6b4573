// SPDX-License-Identifier: BSD-3-Clause
// The AF_XDP receiver: data datagrams come off the device's queues into UMEM frames, past the
// kernel's IP and UDP, and are verified where they lie. Probes and the finish come by a UDP socket,
// and credit goes by it.
#include "core/error.hpp"
#include "core/flow_group.hpp"
#include "core/receiver.hpp"
#include "core/rx_moderation.hpp"
#include "core/units.hpp"
#include "dataplane/control_socket.hpp"
#include "dataplane/packet_header.hpp"
#include "dataplane/rx_queues.hpp"
#include "dataplane/xdp/xdp_program.hpp"
#include "dataplane/xsk_rx_socket.hpp"
#include "nic/xsk_setup.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <vector>

namespace pagewire::dataplane {

namespace {

/// Packet memory of all queues together, and the least of one queue.
constexpr std::uint64_t kMemoryBytes = 32 * core::kMiB;
constexpr std::uint32_t kFramesMax = 4096;
constexpr std::uint32_t kFramesMin = 512;
/// Descriptors between two looks at another queue.
constexpr std::uint32_t kBatchDescriptors = 64;
/// Rounds over busy queues between two looks at the UDP socket: a sender that has something to say
/// has stopped sending, or will soon.
constexpr unsigned kRoundsBetweenLooks = 64;
constexpr std::chrono::milliseconds kLongestWait{10};
constexpr std::size_t kUdpAt = kEthernetBytes + kIpv4Bytes;
constexpr std::size_t kDatagramAt = kUdpAt + kUdpBytes;

std::uint32_t frames_per_queue(std::uint32_t num_queues)
{
    const std::uint64_t share = kMemoryBytes / kRxChunkBytes / num_queues;
    return std::clamp(static_cast<std::uint32_t>(std::bit_floor(share)), kFramesMin, kFramesMax);
}

/// Datagrams that may be on the way. A flow is one source and destination, so that all may come by
/// one queue. Half of its frames: a probe overtakes what was sent before it, and is answered with a
/// window of its own.
std::uint64_t credit_window(std::uint32_t num_frames, std::uint32_t mtu)
{
    const std::uint32_t pieces = (mtu + kEthernetBytes + kRxPieceBytes - 1) / kRxPieceBytes;
    return std::max<std::uint64_t>(1, num_frames / 2 / pieces);
}

/// The datagram of a UDP packet (RFC 768): Ethernet, IPv4 without options and UDP in front of it,
/// which the XDP program has seen, perhaps padding behind it.
class Datagram {
  public:
    explicit Datagram(PacketPieces packet) : packet_(packet)
    {
        std::size_t packet_bytes = 0;
        for (const auto& piece : packet)
            packet_bytes += piece.size();
        if (packet.front().size() < kPacketHeaderBytes)
            return;
        std::uint16_t udp_bytes = 0;
        std::memcpy(&udp_bytes, packet.front().data() + kUdpAt + 4, sizeof(udp_bytes));
        udp_bytes = be16toh(udp_bytes);
        if (udp_bytes < kUdpBytes || kUdpAt + udp_bytes > packet_bytes)
            return;
        header_ =
            core::decode_flow_header(packet.front().subspan(kDatagramAt), udp_bytes - kUdpBytes);
    }

    /// Nothing where the packet is too short for what it says of itself.
    [[nodiscard]] const std::optional<core::FlowHeader>& header() const noexcept { return header_; }

    /// The payload, piece by piece.
    void verify(core::BlockVerifier& verifier) const
    {
        std::uint64_t offset = header_->offset;
        std::size_t left = header_->length;
        std::size_t skipped = kPacketHeaderBytes;
        for (auto piece : packet_) {
            piece = piece.subspan(skipped);
            piece = piece.first(std::min(piece.size(), left));
            if (!piece.empty())
                verifier.add(offset, piece);
            offset += piece.size();
            left -= piece.size();
            skipped = 0;
        }
    }

  private:
    PacketPieces packet_;
    std::optional<core::FlowHeader> header_;
};

class AfXdpReception final : public core::Reception {
  public:
    explicit AfXdpReception(const core::ReceiveOrder& order)
        : interface_(interface_of(order)),
          num_queues_(num_rx_queues(interface_)),
          num_frames_(frames_per_queue(num_queues_)),
          socket_(order),
          flow_(order, socket_.fd(), credit_window(num_frames_, order.mtu)),
          program_({.ipv4 = order.ipv4,
                    .port = socket_.port(),
                    .flow = order.flow,
                    .num_flows = order.num_flows},
                   num_queues_)
    {
        waits_.push_back({.fd = socket_.fd(), .events = POLLIN, .revents = 0});
        // Before the sockets: it says who holds the device, and some drivers' zero-copy mode wants
        // a program there. What comes meanwhile passes to the kernel.
        program_.attach(interface_);
        for (std::uint32_t queue = 0; queue < num_queues_; ++queue) {
            queues_.push_back(std::make_unique<XskRxSocket>(
                XskRxConfig{.interface = interface_,
                            .queue = queue,
                            .num_frames = num_frames_,
                            .scatter_gather = order.mtu + kEthernetBytes > kRxPieceBytes}));
            program_.insert(queue, queues_.back()->fd());
            waits_.push_back({.fd = queues_.back()->fd(), .events = POLLIN, .revents = 0});
        }
    }

    [[nodiscard]] std::uint16_t port() const override { return socket_.port(); }

    core::ReceiveReport run(core::BlockVerifier* verifier, core::ReceiveStop& stop) override
    {
        unsigned round = 0;
        // After the last word it stays, for a sender whom that word did not reach, until the
        // testbed stops it.
        while (!stop.stop_now()) {
            bool any = drain_queues(verifier);
            if (!any || ++round % kRoundsBetweenLooks == 0)
                any = drain_socket(verifier) || any;
            flow_.end_batch(any);
            moderation_.note(any);
            // poll(2) wakes a driver that waits for frames, as recvfrom(2) does.
            if (!any && !moderation_.is_flowing())
                (void)::poll(waits_.data(), waits_.size(), static_cast<int>(kLongestWait.count()));
        }
        return report();
    }

  private:
    static std::string interface_of(const core::ReceiveOrder& order)
    {
        if (!order.interface.empty())
            return order.interface;
        std::array<char, INET_ADDRSTRLEN> address{};
        ::inet_ntop(AF_INET, &order.ipv4, address.data(), address.size());
        throw core::UsageError(fmt::format("no interface here has the address {}", address.data()));
    }

    bool drain_queues(core::BlockVerifier* verifier)
    {
        bool any = false;
        for (const auto& queue : queues_) {
            const std::uint32_t count =
                queue->path().receive(kBatchDescriptors, [&](PacketPieces packet) {
                    const Datagram datagram(packet);
                    if (flow_.take(datagram.header(), nullptr) ==
                            core::FlowReception::Taken::kData &&
                        verifier != nullptr)
                        datagram.verify(*verifier);
                });
            if (count == 0)
                continue;
            any = true;
            queue->wake_if_needed();
        }
        return any;
    }

    /// Probes and the finish; and data that the program did not take, if there should be any.
    bool drain_socket(core::BlockVerifier* verifier)
    {
        return socket_.drain([&](const auto& header, auto datagram, const sockaddr_in& sender) {
            if (flow_.take(header, &sender) != core::FlowReception::Taken::kData)
                return;
            ++num_by_kernel_;
            if (verifier != nullptr)
                verifier->add(header->offset, datagram.subspan(core::kFlowHeaderBytes));
        });
    }

    core::ReceiveReport report() const
    {
        core::ReceiveReport report = flow_.report();
        bool zerocopy = true;
        for (const auto& queue : queues_) {
            for (const auto& [name, value] : queue->statistics())
                report.counters[name] += value;
            report.counters["packets_refused"] += queue->path().num_refused();
            zerocopy = zerocopy && queue->is_zerocopy();
        }
        report.counters["packets_redirected"] = program_.counts().redirected;
        report.counters["packets_without_socket"] = program_.counts().no_socket;
        report.counters["datagrams_by_kernel"] = num_by_kernel_;
        report.facts = {{"sink_receiver", "af_xdp"},
                        {"sink_interface", interface_},
                        {"sink_xdp_mode", program_.mode()},
                        {"sink_kernel_reported", zerocopy ? "zero-copy" : "copy"},
                        {"sink_queues", fmt::format("{}", num_queues_)},
                        {"sink_memory", fmt::format("{} frames of {} a queue, {}", num_frames_,
                                                    core::format_bytes(kRxChunkBytes),
                                                    queues_.front()->memory_note())}};
        return report;
    }

    std::string interface_;
    std::uint32_t num_queues_;
    std::uint32_t num_frames_;
    ControlSocket socket_;
    core::FlowGroup flow_;
    XdpProgram program_;
    std::vector<std::unique_ptr<XskRxSocket>> queues_;
    std::vector<pollfd> waits_;
    core::RxModeration moderation_;
    std::uint64_t num_by_kernel_ = 0;
};

core::Support probe()
{
    const core::Support sockets = nic::probe_xdp_sockets();
    return sockets ? XdpProgram::probe() : sockets;
}

} // namespace

extern const core::Receiver receiver_af_xdp;
constinit const core::Receiver receiver_af_xdp{
    .name = "af_xdp",
    .summary = "AF_XDP sockets on every RX queue behind an XDP program, closed loop by credit",
    .wire = core::Wire::kUdp,
    .probe = probe,
    .open = [](const core::ReceiveOrder& order) -> std::unique_ptr<core::Reception> {
        return std::make_unique<AfXdpReception>(order);
    },
};

} // namespace pagewire::dataplane
