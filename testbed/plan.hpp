// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "core/units.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::testbed {

enum class CacheState : std::uint8_t {
    kCold, ///< no page of the file is in the page cache (checked) when the transfer begins
    kHot,  ///< every page is (checked)
};

[[nodiscard]] constexpr std::string_view cache_name(CacheState state)
{
    switch (state) {
    case CacheState::kCold:
        return "cold";
    case CacheState::kHot:
        return "hot";
    }
    return {};
}

/// A named state of the sending NIC's features, beside what each method itself needs.
struct Arm {
    std::string name;
    std::map<std::string, bool> features; ///< ethtool's names
    bool map_per_chunk = false;           ///< methods that map the file do it anew for each turn

    bool operator==(const Arm&) const = default;
};

/// When the ledger's programs are attached.
enum class LedgerMode : std::uint8_t {
    kApart, ///< each round runs every cell twice: watched for the ledger, unwatched for the clock
    kWith,  ///< every transfer is watched, and its goodput is of a watched one
    kOff,
};

enum class LabKind : std::uint8_t {
    kVeth,
    kVm, ///< virtual hardware, in a guest (testbed/vm/)
    kHost,
};

/// What receives the UDP wire. TCP is always received by the kernel.
enum class SinkKind : std::uint8_t {
    kKernel, ///< a UDP socket
    kAfXdp,  ///< AF_XDP sockets: the receiving kernel's IP and UDP are passed by
};

/// Keys that have several values: the experiment runs each with each. One value, or none, stands in
/// the plan's own field, which otherwise has the first.
struct Matrix {
    std::vector<std::uint64_t> generated_bytes;
    std::vector<std::uint64_t> length;
    std::vector<std::uint64_t> chunk_bytes;
    std::vector<std::uint32_t> mtu;
    std::vector<std::uint32_t> num_queues; ///< of the dataplane
    std::vector<core::Rate> rate;

    bool operator==(const Matrix&) const = default;
};

/// The latency arm: requests for ranges of the file, answered by each method that can.
struct LatencyPlan {
    std::vector<std::uint64_t> sizes{4 * core::kKiB, 64 * core::kKiB, core::kMiB};
    std::vector<std::uint32_t> outstanding{1, 8}; ///< requests in flight
    std::uint64_t requests = 1000; ///< that count, of each row; shared out among the rounds
};

/// What an experiment is: the TOML file (configs/, docs/plan.md), with the command line's words
/// laid over it. The defaults here are those of an empty plan.
struct Plan {
    // [file]
    std::string path; ///< empty: a random file of `generated_bytes` in the cache folder
    std::uint64_t generated_bytes = 256 * core::kMiB;
    std::uint64_t offset = 0;
    std::uint64_t length = 0; ///< 0: to the end

    // [run]
    std::vector<std::string> methods{"read_write",  "mmap_write", "sendfile",
                                     "sendfile_sg", "af_xdp",     "dpdk"};
    std::vector<CacheState> cache{CacheState::kCold, CacheState::kHot};
    std::optional<core::Wire> wire; ///< only methods of this wire
    SinkKind sink = SinkKind::kKernel;
    unsigned warmup = 0; ///< rounds before those, thrown away
    unsigned rounds = 3; ///< at least
    /// More rounds than `rounds`, until the interval of every row's median is within the target; 0:
    /// as many as `rounds` and no more.
    unsigned rounds_max = 0;
    unsigned target_percent = 5; ///< half the interval's width, of the median
    std::string baseline;        ///< method that the others are held against; empty: the first
    std::uint64_t seed = 1;
    std::uint64_t chunk_bytes = 64 * core::kKiB;
    bool verify = true;
    bool ceilings = true;
    LedgerMode ledger = LedgerMode::kApart;
    std::chrono::seconds time_limit{60}; ///< for one transfer

    // [link]
    std::uint32_t mtu = 9000;
    std::uint32_t num_queues = 1; ///< of each end of the veth link

    // [[arms]]; none: one arm, "default", with the features as found
    std::vector<Arm> arms;

    // [latency]; none: no latency arm
    std::optional<LatencyPlan> latency;

    // [dataplane]
    core::DataplaneJob dataplane{.queue = 0,
                                 .umem_bytes = 8 * core::kMiB,
                                 .frame_bytes = 256 * core::kKiB,
                                 .disk_depth = 16,
                                 .ring_entries = 2048,
                                 .source = core::PayloadSource::kDisk,
                                 .layout = core::PacketLayout::kAuto,
                                 .checksum = core::ChecksumMode::kNone,
                                 .bind = core::BindMode::kAuto,
                                 .rate = {},
                                 .fault = {}};

    // [lab]
    LabKind lab = LabKind::kVeth;
    /// host lab: the sending NIC; vm lab: the sending port of the guest, empty for its first igb
    std::string interface;
    std::string peer;               ///< host lab: "ADDRESS:PORT" of a waiting `pagewire sink`
    bool allow_nic_changes = false; ///< host lab: change the NIC's features, and restore them

    Matrix matrix;

    /// Where the plan's files write a key, "run.rounds" to "quick.toml:7:10"; "" to the file that
    /// was read. Empty: the plan is of no file.
    std::map<std::string, std::string> places;

    [[nodiscard]] unsigned last_round() const noexcept { return std::max(rounds, rounds_max); }

    [[nodiscard]] const std::string& baseline_method() const
    {
        return baseline.empty() ? methods.front() : baseline;
    }
};

/// Reads a plan file, and before it the one that it extends. Throws core::UsageError in one line,
/// "file:line:column: what, what to do", for a syntax error, an unknown key, a wrong type or a
/// value out of range.
[[nodiscard]] Plan load_plan(const std::string& file);

/// The same from text, which can extend no other; `name` stands for the file in messages.
[[nodiscard]] Plan parse_plan(std::string_view text, const std::string& name);

/// Checks a finished plan (file and command line together) before anything runs: unknown methods
/// (the message lists the known), ranges, rings a power of two, frames that fit the UMEM, a wire no
/// method has. Throws core::UsageError.
void validate_plan(const Plan& plan, std::span<const core::Method* const> known);

/// The same for `plan`, which is `as_read` with the command line's words laid over it: what is
/// wrong in the file itself is said with its place, "file:line:column: what, what to do".
void validate_plan(const Plan& plan, const Plan& as_read,
                   std::span<const core::Method* const> known);

/// Words of the command line or the plan; throw core::UsageError that lists the known ones.
[[nodiscard]] CacheState parse_cache_state(std::string_view text);
[[nodiscard]] core::Wire parse_wire(std::string_view text);
[[nodiscard]] core::PayloadSource parse_payload_source(std::string_view text);
[[nodiscard]] core::PacketLayout parse_packet_layout(std::string_view text);
[[nodiscard]] core::ChecksumMode parse_checksum_mode(std::string_view text);
[[nodiscard]] core::BindMode parse_bind_mode(std::string_view text);
[[nodiscard]] LedgerMode parse_ledger_mode(std::string_view text);
[[nodiscard]] std::string_view ledger_mode_name(LedgerMode mode);
[[nodiscard]] LabKind parse_lab_kind(std::string_view text);
[[nodiscard]] std::string_view lab_kind_name(LabKind kind);
[[nodiscard]] SinkKind parse_sink_kind(std::string_view text);
[[nodiscard]] std::string_view sink_name(SinkKind sink);

/// Whether a method's data goes to a software NIC that the sink plays, not over the lab's link.
[[nodiscard]] bool has_software_nic(const core::Method& method, const Plan& plan);

/// Whether a method drives a PCI device by itself, which no driver of the kernel's has meanwhile.
[[nodiscard]] bool has_pci_port(const core::Method& method, const Plan& plan);

/// The receiver's name for a wire of this plan.
[[nodiscard]] std::string_view receiver_name(SinkKind sink, core::Wire wire);

} // namespace pagewire::testbed
