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
#include "dataplane/dpdk/engine.hpp"
#include "dataplane/packet_header.hpp"
#include "dataplane/queue_threads.hpp"
#include "nic/pci_device.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>

namespace pagewire::dataplane {

namespace {

/// What the port's words leave open, from the lab: the interface, a way on which its packets are
/// seen, and frames that hold them (net_af_packet drops what is larger than its 2 KiB).
std::string with_defaults(std::string port, const core::TransferJob& job)
{
    const auto has = [&](std::string_view key) {
        return port.find(fmt::format(",{}=", key)) != std::string::npos;
    };
    if (!port.starts_with("net_af_packet"))
        return port;
    if (!has("iface"))
        port += fmt::format(",iface={}", job.interface);
    if (!has("qpairs"))
        port += fmt::format(",qpairs={}", job.dataplane.num_queues);
    if (!has("qdisc_bypass"))
        port += ",qdisc_bypass=0"; // past the tracepoints the ledger would see nothing
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
    // Several queues want the control queue (virtio 1.1 §5.1.5), which virtio-user answers itself.
    return dpdk::PortName::parse(fmt::format("net_virtio_user0,path={},queues={},queue_size={}{}",
                                             job.dataplane.vhost_path, job.dataplane.num_queues,
                                             job.dataplane.ring_entries,
                                             job.dataplane.num_queues > 1 ? ",cq=1" : ""));
}

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

/// EAL says of a device that it may not have as little as of one that is not there.
void check_device(const std::string& address)
{
    const auto device = nic::find_pci_device(address);
    if (!device)
        throw core::TransferError(fmt::format("no PCI device {}: see lspci -D", address));
    std::string why = nic::vfio_obstacle(*device);
    if (why.empty() && !nic::is_userspace_driver(device->driver)) {
        why = fmt::format("{} is {}'s: --dpdk-bind gives it to vfio-pci for the run; by hand: {}; "
                          "and back: {}",
                          address, device->driver.empty() ? "no driver" : device->driver,
                          nic::give_commands(*device), nic::give_back_commands(*device));
    }
    if (!why.empty())
        throw core::TransferError(why);
}

core::Support probe()
{
    const core::Support folder = dpdk::DetachedFolder::probe();
    return folder ? probe_io_uring() : folder;
}

core::TransferReport run(const core::TransferJob& job, core::TransferWatch& watch)
{
    const dpdk::PortName port = port_of(job);
    if (job.dataplane.protect_payload && port.is_known_to_copy()) {
        throw core::TransferError(
            fmt::format("{} copies the payload, which it cannot where it is protected", port.name));
    }
    if (port.is_pci)
        check_device(port.name);
    core::TransferJob own = job;
    own.interface = port.name; // for messages: the lab's may have no part in it
    own.dataplane.queue = 0;   // the port's queues are its own
    const auto shared = std::make_shared<dpdk::SharedPort>(own, port);
    return send_through_queues(own, watch, [&](const core::TransferJob& part, std::uint32_t index) {
        std::unique_ptr<Engine> engine = dpdk::SharedPort::open_queue(shared, index);
        if (!job.dataplane.vhost_path.empty())
            tell_memory(part, engine->memory());
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
    .has_queues = true,
    .is_ceiling = false,
    .software_nic = "vhost",
    .probe = probe,
    .run = run,
};

} // namespace pagewire::dataplane
