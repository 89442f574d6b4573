// SPDX-License-Identifier: BSD-3-Clause
// The DPDK engine: EAL memory that the disk wrote, attached to mbufs as external buffers, handed to
// a port as descriptor chains. Without a port's name the port is virtio-user, and its NIC the
// sink's software one.
#include "core/error.hpp"
#include "core/flow_header.hpp"
#include "core/socket.hpp"
#include "core/units.hpp"
#include "dataplane/direct_reader.hpp"
#include "dataplane/dpdk/detached_folder.hpp"
#include "dataplane/dpdk/eal.hpp"
#include "dataplane/dpdk/packet_memory.hpp"
#include "dataplane/dpdk/port.hpp"
#include "dataplane/pipeline.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <memory>

namespace pagewire::dataplane {

namespace {

using Clock = std::chrono::steady_clock;

/// Packets that were taken and that the driver has no room for yet.
constexpr std::size_t kPendingPackets = 64;
constexpr std::uint32_t kPendingSegments = kPendingPackets * (Segmenter::kSlicesMax + 1);
/// What EAL and a driver take beside packets and mbufs: rings, virtio's own headers, tables.
constexpr std::uint64_t kEalBytes = 32 * core::kMiB;
/// An mbuf with its private area and the pool's word on it.
constexpr std::uint64_t kMbufBytes = 512;
/// Between two looks at the link, while nothing comes back.
constexpr std::chrono::milliseconds kLinkLook{100};

/// What the port's words leave open, from the lab: the interface, and frames that hold its packets
/// (net_af_packet drops what is larger than its 2 KiB).
std::string with_defaults(std::string port, const core::TransferJob& job)
{
    const auto has = [&](std::string_view key) {
        return port.find(fmt::format(",{}=", key)) != std::string::npos;
    };
    if (!port.starts_with("net_af_packet"))
        return port;
    if (!has("iface"))
        port += fmt::format(",iface={}", job.interface);
    if (!has("framesz") && !has("blocksz") && !has("framecnt")) {
        constexpr std::uint32_t tpacket_header_bytes = 128; // TPACKET2_HDRLEN, rounded up
        const std::uint32_t frame_bytes =
            std::bit_ceil(std::max(4096U, job.mtu + kEthernetBytes + tpacket_header_bytes));
        port += fmt::format(",framesz={0},blocksz={0},framecnt={1}", frame_bytes,
                            std::clamp<std::uint64_t>(8 * core::kMiB / frame_bytes, 32, 512));
    }
    return port;
}

dpdk::PortName port_of(const core::TransferJob& job)
{
    if (!job.dataplane.dpdk_port.empty())
        return dpdk::PortName::parse(with_defaults(job.dataplane.dpdk_port, job));
    return dpdk::PortName::parse(fmt::format("net_virtio_user0,path={},queues=1,queue_size={}",
                                             job.dataplane.vhost_path, job.dataplane.ring_entries));
}

/// Segments that may be out at once: a ring full, what waits for room in it, and what the mbuf
/// pool's cache may hold back.
std::uint32_t num_segments(const core::TransferJob& job)
{
    constexpr std::uint32_t cached = 512;
    return job.dataplane.ring_entries + kPendingSegments + cached;
}

const dpdk::Eal& start_eal(const core::TransferJob& job, const dpdk::PortName& port)
{
    return dpdk::Eal::start(
        {.memory_bytes = job.dataplane.umem_bytes + kEalBytes + num_segments(job) * kMbufBytes,
         .may_use_hugepages = true,
         .pci = port.is_pci ? port.devargs : std::string{}});
}

class DpdkEngine final : public Engine {
  public:
    DpdkEngine(const core::TransferJob& job, const dpdk::PortName& name)
        : name_(name),
          eal_(start_eal(job, name)),
          memory_(job.dataplane.umem_bytes),
          packets_(memory_, num_segments(job),
                   job.dataplane.checksum == core::ChecksumMode::kOffload),
          port_({.port = name,
                 .mtu = job.mtu,
                 .tx_entries = job.dataplane.ring_entries,
                 .udp_checksum = job.dataplane.checksum == core::ChecksumMode::kOffload})
    {}

    [[nodiscard]] std::span<std::byte> memory() const noexcept override { return memory_.bytes(); }

    [[nodiscard]] unsigned num_segments_max() const noexcept override
    {
        return port_.num_segments_max();
    }

    [[nodiscard]] std::size_t submit(std::span<const Descriptor> descriptors) noexcept override
    {
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
        ++num_polls_;
        const bool sent = send_pending();
        port_.clean_up();
        if (sent || packets_.has_returned())
            return 0;
        ++num_polls_empty_;
        if (packets_.num_out() == 0)
            return 0;
        const auto now = Clock::now();
        if (now < next_look_)
            return 0;
        next_look_ = now + kLinkLook;
        return port_.has_lost_link() ? ENOTCONN : 0;
    }

    [[nodiscard]] std::size_t reclaim(std::span<std::uint64_t> addrs) noexcept override
    {
        return packets_.take_returned(addrs);
    }

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
        report.zero_copy_kernel_reported = name_.is_known_to_copy() ? "copy" : "";
        report.counters["buffers_out"] = packets_.num_out();
        report.counters["polls"] = num_polls_;
        report.counters["polls_empty"] = num_polls_empty_;
        report.facts["memory"] = eal_.memory_note();
        report.facts["port"] = fmt::format(
            "{}: {}, {} TX descriptors{}", name_.name, port_.driver(), port_.tx_entries(),
            name_.is_known_to_copy() ? "; the driver copies each packet" : "");
    }

  private:
    /// False where the driver took none.
    bool send_pending() noexcept
    {
        if (num_pending_ == 0)
            return false;
        const std::size_t sent = port_.send(std::span(pending_).first(num_pending_));
        std::copy(pending_.begin() + static_cast<std::ptrdiff_t>(sent),
                  pending_.begin() + static_cast<std::ptrdiff_t>(num_pending_), pending_.begin());
        num_pending_ -= sent;
        return sent > 0;
    }

    dpdk::PortName name_;
    const dpdk::Eal& eal_;
    dpdk::PacketMemory memory_;
    dpdk::ExtbufPackets packets_;
    dpdk::Port port_; // the last: what it still holds is freed first
    std::array<rte_mbuf*, kPendingPackets> pending_{};
    std::size_t num_pending_ = 0;
    Clock::time_point next_look_{};
    std::uint64_t num_polls_ = 0;
    std::uint64_t num_polls_empty_ = 0;
};

/// Tells the software NIC where disk reads land, for its evidence. Lost, there is none.
void tell_memory(const core::TransferJob& job, std::span<const std::byte> memory)
{
    const auto layout = PacketMemoryLayout::of(job.dataplane, job.mtu);
    const core::UniqueFd socket = core::open_socket(SOCK_DGRAM);
    core::bind_socket(socket.get(), job.local.ipv4, 0);
    core::connect_socket(socket.get(), job.peer.ipv4, job.peer.port);
    std::array<std::byte, core::kFlowHeaderBytes> octets{};
    core::encode_flow_header(
        {.flow = job.flow,
         .kind = core::FlowHeader::Kind::kMemory,
         .sequence = reinterpret_cast<std::uintptr_t>(memory.data()) + layout.frames_offset,
         .offset = layout.end() - layout.frames_offset},
        octets);
    (void)::send(socket.get(), octets.data(), octets.size(), MSG_DONTWAIT);
}

core::Support probe()
{
    try {
        const dpdk::DetachedFolder folder;
    } catch (const core::SystemError& error) {
        return core::Support::unavailable(
            fmt::format("DPDK's folder in memory needs root: {}", error.what()));
    }
    return probe_io_uring();
}

core::TransferReport run(const core::TransferJob& job, core::TransferWatch& watch)
{
    const dpdk::PortName port = port_of(job);
    if (job.dataplane.protect_payload && port.is_known_to_copy()) {
        throw core::TransferError(
            fmt::format("{} copies the payload, which it cannot where it is protected", port.name));
    }
    core::TransferJob own = job;
    own.interface = port.name; // for messages: the lab's may have no part in it
    return send_through_engine(own, watch, [&]() -> std::unique_ptr<Engine> {
        auto engine = std::make_unique<DpdkEngine>(own, port);
        if (!job.dataplane.vhost_path.empty())
            tell_memory(own, engine->memory());
        return engine;
    });
}

constexpr std::array kPath{
    core::PathStep{"EAL memory", "O_DIRECT: the disk writes it", core::StepCost::kDiskDma},
    core::PathStep{"the port's descriptors",
                   "external buffers: addresses in that memory; some drivers copy instead",
                   core::StepCost::kCopyToKernel},
    core::PathStep{"wire", "the NIC, or the software one, fetches header and page slices",
                   core::StepCost::kNicDma},
};

} // namespace

extern const core::Method method_dpdk;
constinit const core::Method method_dpdk{
    .name = "dpdk",
    .summary = "O_DIRECT into EAL memory, DPDK mbuf chains of external buffers: header + page "
               "slices",
    .family = core::Family::kDataplane,
    .wire = core::Wire::kUdp,
    .needs = {},
    .textbook =
        core::Textbook{.crossings = 0, .cpu_copies = 0, .dma = 2, .cpu_copies_in_copy_mode = 1},
    .path = kPath,
    .needs_direct_io = true,
    .is_ceiling = false,
    .software_nic = "vhost",
    .probe = probe,
    .run = run,
};

} // namespace pagewire::dataplane
