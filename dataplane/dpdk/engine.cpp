// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dpdk/engine.hpp"

#include "core/mapping.hpp"
#include "core/units.hpp"
#include "dataplane/dpdk/eal.hpp"
#include "dataplane/frame_ledger.hpp"
#include "dataplane/packet_header.hpp"
#include "dataplane/segmenter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

namespace pagewire::dataplane::dpdk {

namespace {

using Clock = std::chrono::steady_clock;

/// Packets that were taken and that the driver has no room for yet.
constexpr std::size_t kPendingPackets = 64;
constexpr std::uint32_t kPendingSegments = kPendingPackets * (Segmenter::kSlicesMax + 1);
/// What EAL and a driver take beside packets and mbufs: rings, virtio's own headers, tables; and
/// what the packets' place on a hugepage's boundary costs.
constexpr std::uint64_t kEalBytes = 32 * core::kMiB + core::kHugePageBytes;
/// Of each queue: virtio keeps its headers and tables.
constexpr std::uint64_t kQueueBytes = 2 * core::kMiB;
/// An mbuf with its private area and the pool's word on it.
constexpr std::uint64_t kMbufBytes = 512;
/// Between two looks at the link, while nothing comes back.
constexpr std::chrono::milliseconds kLinkLook{100};

bool has_port_checksums(const core::TransferJob& job)
{
    return job.dataplane.checksum == core::ChecksumMode::kOffload;
}

/// Segments that may be out at once: a ring full, what waits for room in it, and what the mbuf
/// pool's cache may hold back.
std::uint32_t num_segments(const core::TransferJob& job)
{
    constexpr std::uint32_t cached = 512;
    return job.dataplane.ring_entries + kPendingSegments + cached;
}

/// Descriptors that half of the frames fill: a ring that keeps them leaves the other half to the
/// disk.
std::uint32_t entries_of_half_the_frames(const core::TransferJob& job)
{
    const auto layout = PacketMemoryLayout::of(job.dataplane, job.mtu);
    const bool headroom = layout.has_headroom();
    const std::uint64_t packet_bytes = headroom ? layout.slot_bytes : payload_room(job.mtu);
    const std::uint64_t packet_entries =
        headroom ? 1 : 1 + (packet_bytes + kChunkBytes - 1) / kChunkBytes; // at least
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(layout.frames_bytes() / 2 / packet_bytes * packet_entries,
                                std::numeric_limits<std::uint16_t>::max()));
}

void start_eal(const core::TransferJob& job, const PortName& port)
{
    const std::uint64_t queue_bytes =
        job.dataplane.umem_bytes + kQueueBytes + num_segments(job) * kMbufBytes;
    Eal::Config config{.memory_bytes = kEalBytes + queue_bytes * job.dataplane.num_queues,
                       // Part of a hugepage cannot be protected.
                       .may_use_hugepages = !job.dataplane.protect_payload,
                       .pci = port.is_pci ? port.devargs : std::string{}};
    if (!port.is_pci)
        config.drivers = {port.driver(), "mempool_ring"};
    Eal::start(config);
}

} // namespace

/// One queue's part of a port.
class SharedPort::QueueEngine final : public Engine {
  public:
    QueueEngine(std::shared_ptr<SharedPort> shared, std::uint32_t queue)
        : shared_(std::move(shared)),
          memory_(shared_->memory_.region(queue)),
          packets_(*shared_->packets_[queue]),
          port_(shared_->port_),
          queue_(static_cast<std::uint16_t>(queue))
    {}

    [[nodiscard]] std::span<std::byte> memory() const noexcept override { return memory_; }

    [[nodiscard]] unsigned num_segments_max() const noexcept override
    {
        return port_.num_segments_max();
    }

    [[nodiscard]] std::size_t submit(std::span<const Descriptor> descriptors) noexcept override
    {
        if (!entered_) {
            Eal::enter_thread();
            entered_ = true;
        }
        std::size_t taken = 0;
        while (taken < descriptors.size()) {
            if (num_pending_ == pending_.size() && !send_pending())
                break;
            std::size_t count = 1;
            while (descriptors[taken + count - 1].more)
                ++count;
            rte_mbuf* packet = packets_.make(descriptors.subspan(taken, count));
            if (packet == nullptr)
                break;
            pending_[num_pending_++] = packet;
            taken += count;
        }
        send_pending();
        return taken;
    }

    [[nodiscard]] int kick() noexcept override
    {
        if (lost_ != 0)
            return lost_;
        ++num_polls_;
        const bool sent = send_pending();
        port_.clean_up(queue_, is_finished_ && num_pending_ == 0);
        if (sent || packets_.has_returned())
            return 0;
        ++num_polls_empty_;
        if (packets_.num_out() == 0)
            return 0;
        const auto now = Clock::now();
        if (now < next_look_)
            return 0;
        next_look_ = now + kLinkLook;
        lost_ = port_.has_lost_link() ? ENOTCONN : 0;
        return lost_;
    }

    [[nodiscard]] std::size_t reclaim(std::span<std::uint64_t> addrs) noexcept override
    {
        return packets_.take_returned(addrs);
    }

    void finish() noexcept override { is_finished_ = true; }

    /// There is nothing to sleep in: a poll-mode driver is asked again and again.
    void wait(std::chrono::milliseconds longest) noexcept override
    {
        const auto until = Clock::now() + longest;
        while (kick() == 0 && !packets_.has_returned() && Clock::now() < until) {
        }
    }

    void describe(core::TransferReport& report) const override
    {
        report.zero_copy_requested = "external buffers";
        const bool copies = shared_->name_.is_known_to_copy();
        report.zero_copy_kernel_reported = copies ? "copy" : "";
        report.counters["buffers_out"] = packets_.num_out();
        report.counters["polls"] = num_polls_;
        report.counters["polls_empty"] = num_polls_empty_;
        // A device's own count: of a virtual port, it would be the driver's.
        if (const auto sent = port_.counters();
            sent && shared_->name_.is_pci && shared_->packets_.size() == 1) {
            report.counters["port_tx_packets"] = sent->packets;
            report.counters["port_tx_bytes"] = sent->bytes;
        }
        report.facts["memory"] = shared_->memory_.page_note();
        report.facts["cpu"] =
            fmt::format("busy-poll: {:.0f} % of {} looks at the port found something",
                        100.0 * static_cast<double>(num_polls_ - num_polls_empty_) /
                            static_cast<double>(std::max<std::uint64_t>(num_polls_, 1)),
                        num_polls_);
        report.facts["port"] =
            fmt::format("{}: {}, {} TX descriptors{}{}", shared_->name_.name, port_.driver(),
                        port_.tx_entries(), copies ? "; the driver copies each packet" : "",
                        port_.makes_ipv4_checksums() ? "; it makes IPv4's checksum too" : "");
    }

  private:
    /// False where the driver took none.
    bool send_pending() noexcept
    {
        if (num_pending_ == 0)
            return false;
        const std::size_t sent = port_.send(queue_, std::span(pending_).first(num_pending_));
        std::copy(pending_.begin() + static_cast<std::ptrdiff_t>(sent),
                  pending_.begin() + static_cast<std::ptrdiff_t>(num_pending_), pending_.begin());
        num_pending_ -= sent;
        return sent > 0;
    }

    std::shared_ptr<SharedPort> shared_;
    std::span<std::byte> memory_;
    ExtbufPackets& packets_;
    Port& port_;
    std::uint16_t queue_;
    bool entered_ = false; // the thread that uses it is an lcore
    bool is_finished_ = false;
    std::array<rte_mbuf*, kPendingPackets> pending_{};
    std::size_t num_pending_ = 0;
    Clock::time_point next_look_{};
    int lost_ = 0; // stays: who waits does not hear of it, the next who asks does
    std::uint64_t num_polls_ = 0;
    std::uint64_t num_polls_empty_ = 0;
};

SharedPort::SharedPort(const core::TransferJob& job, const PortName& name)
    : name_((start_eal(job, name), name)),
      memory_(job.dataplane.umem_bytes, job.dataplane.num_queues),
      packets_(make_packets(job, memory_)),
      port_({.port = name,
             .mtu = job.mtu,
             .num_queues = static_cast<std::uint16_t>(job.dataplane.num_queues),
             .tx_entries = job.dataplane.ring_entries,
             .tx_entries_kept = entries_of_half_the_frames(job),
             .checksums = has_port_checksums(job)})
{
    for (const auto& packets : packets_)
        packets->ask_for(port_.tx_flags());
}

std::vector<std::unique_ptr<ExtbufPackets>> SharedPort::make_packets(const core::TransferJob& job,
                                                                     const PacketMemory& memory)
{
    std::vector<std::unique_ptr<ExtbufPackets>> packets;
    for (std::uint32_t queue = 0; queue < job.dataplane.num_queues; ++queue) {
        packets.push_back(std::make_unique<ExtbufPackets>(
            memory, ExtbufPackets::Config{.region = queue, .num_segments = num_segments(job)}));
    }
    return packets;
}

std::unique_ptr<Engine> SharedPort::open_queue(std::shared_ptr<SharedPort> port,
                                               std::uint32_t queue)
{
    return std::make_unique<QueueEngine>(std::move(port), queue);
}

} // namespace pagewire::dataplane::dpdk
