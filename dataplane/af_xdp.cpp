// SPDX-License-Identifier: BSD-3-Clause
// The AF_XDP engine: UMEM pages that the disk wrote, handed to the NIC's queue as TX descriptors.
#include "core/error.hpp"
#include "core/mapping.hpp"
#include "core/units.hpp"
#include "dataplane/direct_reader.hpp"
#include "dataplane/packet_header.hpp"
#include "dataplane/queue_threads.hpp"
#include "nic/net_namespace.hpp"
#include "nic/xdp_device.hpp"
#include "nic/xdp_pass.hpp"
#include "nic/xsk_setup.hpp"
#include "nic/xsk_socket.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>

namespace pagewire::dataplane {

namespace {

/// Descriptors of one packet in copy mode: MAX_SKB_FRAGS (17) and the linear part (net/xdp/xsk.c,
/// xsk_build_skb).
constexpr unsigned kCopyModeSegments = Segmenter::kSlicesMax + 1;

/// Where the socket may be bound in zero-copy mode its queue's packets, credit among them, come by
/// the UMEM: a window's worth of credit and what else is on the link.
std::uint32_t num_rx_chunks(const core::DataplaneJob& job)
{
    constexpr std::uint32_t enough = 64;
    const bool device_has_zerocopy = job.segments_max > 0;
    return job.bind != core::BindMode::kCopy && device_has_zerocopy ? enough : 0;
}

/// Offload in several segments needs the unaligned mode: metadata room is asked of every
/// descriptor, and a slice that begins a chunk has none (net/xdp/xsk_queue.h,
/// xp_aligned_validate_desc).
nic::XskConfig socket_config(const core::TransferJob& job, std::uint64_t rx_addr)
{
    const bool offload = job.dataplane.checksum == core::ChecksumMode::kOffload;
    const bool several = job.dataplane.layout != core::PacketLayout::kHeadroom;
    return {.interface = job.interface,
            .queue = job.dataplane.queue,
            .ring_entries = job.dataplane.ring_entries,
            .chunk_bytes = kChunkBytes,
            .bind = job.dataplane.bind,
            .several_segments = several,
            .unaligned = several && offload,
            .tx_metadata_len = offload ? std::uint32_t{sizeof(nic::TxMetadata)} : 0U,
            .busy_poll_us = job.dataplane.busy_poll_us,
            .rx_chunks = num_rx_chunks(job.dataplane),
            .rx_addr = rx_addr};
}

std::string_view bind_name(core::BindMode mode)
{
    switch (mode) {
    case core::BindMode::kAuto:
        return "driver's choice";
    case core::BindMode::kCopy:
        return "copy";
    case core::BindMode::kZerocopy:
        return "zero-copy";
    }
    return {};
}

/// Memory that the NIC reaches across the machine costs it: said, not changed.
std::string numa_note(int nic_node, int memory_node)
{
    if (memory_node < 0)
        return "unknown: the kernel does not tell (get_mempolicy)";
    if (nic_node < 0)
        return fmt::format("memory on node {}, the device on none", memory_node);
    return fmt::format("memory on node {}, device on node {}{}", memory_node, nic_node,
                       memory_node == nic_node ? "" : ": each fetch crosses between them");
}

/// The packet memory of all queues of a transfer: one UMEM, a region of it for each queue, which
/// the first queue's socket registers and the others share.
struct Umem {
    explicit Umem(const core::DataplaneJob& job)
        : region_bytes(core::round_down<std::uint64_t>(job.umem_bytes, kChunkBytes)),
          rx_base(region_bytes * job.num_queues),
          rx_bytes(std::uint64_t{num_rx_chunks(job)} * kChunkBytes),
          memory(core::Mapping::huge_or_anonymous(rx_base + rx_bytes * job.num_queues))
    {}

    std::uint64_t region_bytes;
    std::uint64_t rx_base;  // behind the regions: a part for each queue to receive into
    std::uint64_t rx_bytes; // of each
    core::Mapping memory;
    const nic::XskSocket* owner = nullptr; // null: nobody has registered it
};

class AfXdpEngine final : public Engine {
  public:
    AfXdpEngine(const core::TransferJob& job, std::shared_ptr<Umem> umem, std::uint32_t index)
        : config_(socket_config(job, umem->rx_base + umem->rx_bytes * index)),
          umem_(std::move(umem)),
          base_(umem_->region_bytes * index),
          memory_(umem_->memory.bytes().subspan(base_, umem_->region_bytes)),
          socket_(umem_->owner != nullptr ? nic::XskSocket(*umem_->owner, config_)
                                          : nic::XskSocket(umem_->memory.bytes(), config_)),
          zerocopy_(socket_.is_zerocopy()),
          nic_numa_node_(job.dataplane.numa_node)
    {
        if (umem_->owner == nullptr)
            umem_->owner = &socket_;
        if (!config_.several_segments)
            num_segments_max_ = 1;
        else if (zerocopy_) // at least the two that header and one slice need, or bind had failed
            num_segments_max_ = std::clamp(job.dataplane.segments_max, 2U, kCopyModeSegments);
    }

    [[nodiscard]] std::span<std::byte> memory() const noexcept override { return memory_; }

    [[nodiscard]] unsigned num_segments_max() const noexcept override { return num_segments_max_; }

    [[nodiscard]] std::uint32_t segment_bytes_max() const noexcept override
    {
        return config_.unaligned ? kChunkBytes - config_.tx_metadata_len : kChunkBytes;
    }

    [[nodiscard]] std::size_t submit(std::span<const Descriptor> descriptors) noexcept override
    {
        std::size_t count = std::min<std::size_t>(
            descriptors.size(),
            socket_.tx().num_free(static_cast<std::uint32_t>(descriptors.size())));
        while (count > 0 && descriptors[count - 1].more)
            --count; // never part of a packet
        std::uint32_t index = 0;
        if (count == 0 || !socket_.tx().reserve(static_cast<std::uint32_t>(count), index))
            return 0;
        const bool asks = config_.tx_metadata_len > 0;
        bool is_first = true;
        for (const Descriptor& descriptor : descriptors.first(count)) {
            std::uint32_t options = descriptor.more ? XDP_PKT_CONTD : 0U;
            if (asks && is_first) {
                options |= XDP_TX_METADATA;
                ask_checksum(descriptor.addr);
            }
            is_first = !descriptor.more;
            socket_.tx().entry(index++) = {
                .addr = base_ + descriptor.addr, .len = descriptor.len, .options = options};
        }
        socket_.tx().submit();
        return count;
    }

    [[nodiscard]] int kick() noexcept override
    {
        if (socket_.tx().drained() || (socket_.tx().flags() & XDP_RING_NEED_WAKEUP) == 0)
            return 0;
        ++num_kicks_;
        if (::sendto(socket_.fd(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0)
            return 0;
        // More to send than one call's budget, a busy device, or no room for completions: the next
        // kick goes on.
        const bool transient =
            errno == EAGAIN || errno == EBUSY || errno == ENOBUFS || errno == EINTR;
        num_kicks_refused_ += transient ? 1 : 0;
        return transient ? 0 : errno;
    }

    [[nodiscard]] std::size_t reclaim(std::span<std::uint64_t> addrs) noexcept override
    {
        std::uint32_t index = 0;
        const std::uint32_t count =
            socket_.completion().peek(static_cast<std::uint32_t>(addrs.size()), index);
        for (std::uint32_t i = 0; i < count; ++i)
            addrs[i] = socket_.completion().entry(index + i) - base_; // nonsense stays nonsense
        if (count > 0)
            socket_.completion().release();
        return count;
    }

    void wait(std::chrono::milliseconds longest) noexcept override
    {
        pollfd room{.fd = socket_.fd(), .events = POLLOUT, .revents = 0};
        (void)::poll(&room, 1, static_cast<int>(longest.count()));
    }

    void describe(core::TransferReport& report) const override
    {
        report.zero_copy_requested = bind_name(config_.bind);
        report.zero_copy_kernel_reported = zerocopy_ ? "zero-copy" : "copy";
        for (const auto& [name, value] : socket_.statistics())
            report.counters[name] = value;
        report.counters["kicks"] = num_kicks_;
        report.counters["kicks_refused"] = num_kicks_refused_;
        report.facts["memory"] = umem_->memory.page_note();
        report.facts["numa"] = numa_note(nic_numa_node_, umem_->memory.numa_node());
        report.facts["tx_budget"] =
            socket_.tx_budget() > 0
                ? fmt::format("{} packets a kick", socket_.tx_budget())
                : "32 packets a kick (no XDP_MAX_TX_SKB_BUDGET before Linux 6.17)";
    }

  private:
    /// Before the packet's first octet, in the room that the layouts leave there.
    void ask_checksum(std::uint64_t packet_addr) noexcept
    {
        const nic::TxMetadata metadata{.flags = XDP_TXMD_FLAGS_CHECKSUM,
                                       .csum_start = kChecksumStart,
                                       .csum_offset = kChecksumOffset};
        std::memcpy(memory_.data() + packet_addr - sizeof(metadata), &metadata, sizeof(metadata));
    }

    nic::XskConfig config_;
    std::shared_ptr<Umem> umem_; // before the socket: it outlives it
    std::uint64_t base_;         // of this queue's region
    std::span<std::byte> memory_;
    nic::XskSocket socket_;
    bool zerocopy_;
    int nic_numa_node_;
    unsigned num_segments_max_ = kCopyModeSegments;
    std::uint64_t num_kicks_ = 0;
    std::uint64_t num_kicks_refused_ = 0;
};

core::Support probe()
{
    const core::Support sockets = nic::probe_xdp_sockets();
    return sockets ? probe_io_uring() : sockets;
}

core::TransferReport run(const core::TransferJob& job, core::TransferWatch& watch)
{
    std::optional<nic::XdpPass> pass; // before the sockets are bound, and after they are gone
    if (job.dataplane.bind != core::BindMode::kCopy &&
        nic::XdpPass::is_wanted_by(
            nic::probe_xdp_device(nic::NetNamespace::current(), job.interface).driver))
        pass.emplace(job.interface);
    const auto umem = std::make_shared<Umem>(job.dataplane);
    return send_through_queues(job, watch, [&](const core::TransferJob& part, std::uint32_t index) {
        return std::make_unique<AfXdpEngine>(part, umem, index);
    });
}

constexpr std::array kPath{
    core::PathStep{"UMEM frames", "O_DIRECT: the disk writes them", core::StepCost::kDiskDma},
    core::PathStep{"the driver's descriptors",
                   "zero-copy: the frames' own addresses; copy mode: the CPU copies into an skb",
                   core::StepCost::kCopyToKernel},
    core::PathStep{"wire", "the NIC fetches header and page slices", core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_af_xdp;
constinit const core::Method method_af_xdp{
    .name = "af_xdp",
    .summary = "O_DIRECT into UMEM frames, AF_XDP TX descriptors: header + page slices",
    .family = core::Family::kDataplane,
    .wire = core::Wire::kUdp,
    .needs = {},
    .textbook =
        core::Textbook{.crossings = 0, .cpu_copies = 0, .dma = 2, .cpu_copies_in_copy_mode = 1},
    .path = kPath,
    .needs_direct_io = true,
    .has_queues = true,
    .uses_xdp = true,
    .is_ceiling = false,
    .probe = probe,
    .run = run,
};

} // namespace pagewire::dataplane
