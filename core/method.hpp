// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/named.hpp"
#include "core/rate.hpp"
#include "core/support.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The Method contract: what a kernel method and a dataplane engine both are to the testbed.
///
/// A method is one constant record of facts and functions (Method). The worker process looks it up
/// by name and calls run() once, with a TransferJob that says everything about the transfer and a
/// TransferWatch that it tells how far it is. run() takes the bytes [range.offset, range.offset +
/// range.length) of the file to the peer: over TCP as one connection's byte stream, over UDP as
/// datagrams with a FlowHeader (core/flow_header.hpp).
namespace pagewire::core {

/// Bytes of a file: [offset, offset + length). `length` > 0.
struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;

    [[nodiscard]] std::uint64_t end() const noexcept { return offset + length; }

    bool operator==(const ByteRange&) const = default;
};

enum class Wire : std::uint8_t {
    kTcp,
    kUdp,
    kNone, ///< nothing leaves the process: the null engine
};

[[nodiscard]] constexpr std::string_view wire_name(Wire wire)
{
    switch (wire) {
    case Wire::kTcp:
        return "tcp";
    case Wire::kUdp:
        return "udp";
    case Wire::kNone:
        return "none";
    }
    return {};
}

/// Which part of the testbed a method belongs to.
enum class Family : std::uint8_t { kKernelPath, kDataplane };

[[nodiscard]] constexpr std::string_view family_name(Family family)
{
    switch (family) {
    case Family::kKernelPath:
        return "kernelpath";
    case Family::kDataplane:
        return "dataplane";
    }
    return {};
}

/// One ethtool feature and the state that it must be in, by ethtool's own name
/// ("tx-scatter-gather").
struct FeatureNeed {
    std::string_view feature;
    bool on = false;
};

/// What the textbook says of one turn of the transfer loop. One crossing is one mode switch; a call
/// is two. An engine's turn is a packet.
struct Textbook {
    double crossings = 0;
    double cpu_copies = 0; ///< per payload byte
    double dma = 0;        ///< transfers per payload byte: the disk's and the NIC's
    /// `cpu_copies` where the kernel reports that it could not do without (AF_XDP's copy mode).
    std::optional<double> cpu_copies_in_copy_mode = {};
    /// No turn has more crossings, but turns share theirs: io_uring takes several at one call.
    bool crossings_at_most = false;
};

/// Which figure of the ledger says what a step of the path costs.
enum class StepCost : std::uint8_t {
    kDiskDma,
    kCopyToUser,     ///< by read(2) and the like
    kCopyToKernel,   ///< into the socket's pages, or the skb's
    kCopyAtTransmit, ///< of an skb that the device cannot take as it is
    kNicDma,
    kNone, ///< nothing moves: a reference is handed on
};

/// One step of a byte from the disk to the NIC: where it goes to, and how.
struct PathStep {
    std::string_view to;
    std::string_view how;
    StepCost cost = StepCost::kNone;
};

using MacAddress = std::array<std::uint8_t, 6>;

/// One end of the link, as the sender needs it. `ipv4` is in network byte order.
struct LinkEnd {
    std::uint32_t ipv4 = 0;
    std::uint16_t port = 0; ///< host byte order; 0: any
    MacAddress mac{};
};

/// Where a dataplane engine takes payload from.
enum class PayloadSource : std::uint8_t {
    kDisk,
    kMemory, ///< the start of the file, read once before the transfer, is sent round and round: a
             ///< ceiling
};

/// How a packet lies in packet memory.
enum class PacketLayout : std::uint8_t {
    kAuto,     ///< the plan's only: the testbed decides by the device
    kSegments, ///< a header and slices of the disk's pages: several descriptors
    kHeadroom, ///< one descriptor: the header before a slot that the disk filled
};

/// Who makes the UDP checksum. None of the three reads the payload during the transfer.
enum class ChecksumMode : std::uint8_t {
    kNone,    ///< 0 on the wire: "transmitter generated no checksum" (RFC 768)
    kOffload, ///< the device, asked by each packet's metadata
    kSidecar, ///< sums taken of the file before the transfer, combined with the header's
};

/// What the kernel is asked for at bind(2).
enum class BindMode : std::uint8_t {
    kAuto, ///< the best that the driver does
    kCopy,
    kZerocopy,
};

inline constexpr Names<PacketLayout, 3> kPacketLayoutNames{{{"auto", PacketLayout::kAuto},
                                                            {"segments", PacketLayout::kSegments},
                                                            {"headroom", PacketLayout::kHeadroom}}};
inline constexpr Names<ChecksumMode, 3> kChecksumModeNames{{{"none", ChecksumMode::kNone},
                                                            {"offload", ChecksumMode::kOffload},
                                                            {"sidecar", ChecksumMode::kSidecar}}};
inline constexpr Names<BindMode, 3> kBindModeNames{
    {{"auto", BindMode::kAuto}, {"copy", BindMode::kCopy}, {"zerocopy", BindMode::kZerocopy}}};

/// Parameters of the dataplane engines; `rate` is one of all methods over UDP.
struct DataplaneJob {
    std::uint32_t queue = 0;      ///< the first
    std::uint32_t num_queues = 1; ///< each with a thread, a flow and a part of the range of its own
    std::vector<int> cpus = {};   ///< that the threads are pinned to, in turn; empty: to none
    std::uint64_t umem_bytes = 0; ///< packet memory of one queue: headers + frames
    std::uint32_t frame_bytes = 0; ///< one disk read
    std::uint32_t disk_depth = 0;  ///< disk reads in flight
    std::uint32_t ring_entries = 0;
    PayloadSource source = PayloadSource::kDisk;
    PacketLayout layout = PacketLayout::kSegments;
    ChecksumMode checksum = ChecksumMode::kNone;
    BindMode bind = BindMode::kAuto;
    std::uint32_t segments_max = 0; ///< of the driver's zero-copy; 0: unknown
    int numa_node = -1;             ///< of the NIC; -1: none, or the machine does not tell
    bool protect_payload = false; ///< PROT_NONE on the frames: a touch by the CPU would be a fault
    std::uint32_t busy_poll_us = 0; ///< SO_BUSY_POLL; 0: off
    Rate rate;                      ///< limited: open loop at that pace, credit ignored
    std::string fault;          ///< empty, or a fault for the fault decorator (dataplane/fault.hpp)
    std::string dpdk_port = {}; ///< in DPDK's words; empty: virtio-user to the software NIC
    std::string vhost_path = {}; ///< the software NIC's socket, where the sink plays one
};

/// Everything about one transfer. Valid as received: the testbed has checked it.
struct TransferJob {
    std::string path;
    ByteRange range;
    std::size_t chunk_bytes = 0; ///< bytes a loop turn of the chunked methods
    bool map_per_chunk = false;  ///< methods that map the file: anew for each turn, not once
    std::string interface;       ///< sending interface, in the worker's own network namespace
    std::uint32_t mtu = 0;
    LinkEnd local;
    LinkEnd peer;
    std::uint32_t flow = 0; ///< the first of dataplane.num_queues
    std::uint64_t stream_offset =
        0; ///< of the range's first byte, where this is a part of a transfer
    DataplaneJob dataplane;
};

/// What the method tells the testbed during a transfer. Set-up comes before begin() and is not
/// counted.
///
///     open, connect, bind ... | begin() | loop | sent() | wait for the receiver | acknowledged() |
///     close
///                             |<-- the ledger's window ->|
///                             |<-------------- elapsed, goodput ------------------------------->|
class TransferWatch {
  public:
    virtual void begin() = 0;
    virtual void sent() = 0;
    virtual void acknowledged() = 0;

    /// Throws TransferError when the transfer is to end now (cancelled, time limit reached). Every
    /// wait of a method is bounded by kMaxWait and followed by this. The one function here that
    /// several threads may call.
    virtual void check() const = 0;

    static constexpr std::chrono::milliseconds kMaxWait{100};

    TransferWatch() = default;
    TransferWatch(const TransferWatch&) = delete;
    TransferWatch& operator=(const TransferWatch&) = delete;
    virtual ~TransferWatch() = default;
};

/// What one hardware queue sent, where there are several.
struct QueueReport {
    std::uint32_t queue = 0;
    int cpu = -1; ///< -1: not pinned
    std::uint64_t bytes_sent = 0;
    std::uint64_t packets = 0;
    std::chrono::nanoseconds
        elapsed{}; ///< from the common start until its last packet had gone out
};

/// What the method has to say of a completed transfer. Never proof of a copy or of none: the
/// ledger's business.
struct TransferReport {
    std::uint64_t bytes_sent = 0;
    std::uint64_t num_turns = 0;           ///< turns of the transfer loop
    std::string zero_copy_requested;       ///< "" where there is nothing to request
    std::string zero_copy_kernel_reported; ///< "" where the kernel has no word on it
    std::chrono::nanoseconds
        quiet{}; ///< part of the elapsed time in which the receiver waited for lost data
    std::map<std::string, std::uint64_t> counters;
    std::map<std::string, std::string> facts; ///< what was chosen and why: memory, layout, mode
    std::vector<QueueReport> queues;          ///< empty where there is one at most
};

/// A method or an engine. Instances are constants with static storage (`extern const`); the
/// registry that is generated from the folders' Meson lists points to them.
struct Method {
    std::string_view name;
    std::string_view summary; ///< one line
    Family family = Family::kKernelPath;
    Wire wire = Wire::kTcp;
    std::span<const FeatureNeed> needs;
    std::optional<Textbook> textbook;
    std::span<const PathStep> path = {}; ///< from the disk on
    bool maps_file = false;              ///< TransferJob::map_per_chunk makes a difference
    bool has_chunks = false;             ///< a turn of its loop moves TransferJob::chunk_bytes
    bool needs_direct_io =
        false; ///< reads with O_DIRECT: the file must allow it, and no page may enter the cache
    bool has_queues = false; ///< sends by as many hardware queues as the job says, a flow each
    bool uses_xdp = false;   ///< the device decides what the job leaves open (nic/xdp_device.hpp)
    bool is_ceiling = false; ///< sends nothing that a receiver could verify
    /// The receiver that plays its NIC, a process of the same machine, where the job names no DPDK
    /// port; empty: data goes by the lab's link.
    std::string_view software_nic = {};

    /// Can it run on this machine and for this caller? Costs little, leaves nothing behind.
    Support (*probe)() = nullptr;
    /// Throws TransferError, SystemError (row fails).
    TransferReport (*run)(const TransferJob& job, TransferWatch& watch) = nullptr;
    /// Answers requests for parts of the job's range (core/range_request.hpp) over one TCP
    /// connection to the peer, until the peer asks for no more: the latency arm. Null: it cannot.
    /// Throws as run() does.
    TransferReport (*answer)(const TransferJob& job, TransferWatch& watch) = nullptr;
};

} // namespace pagewire::core
