// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/units.hpp"
#include "testbed/ledger/figures.hpp"

#include <cstdint>
#include <optional>

/// A transfer of 4 MiB in 64 turns of 64 KiB as the ledger sees it, by method: cold cache, every
/// figure there. A test changes what it is about.
namespace pagewire::testbed {

inline constexpr std::uint64_t kPayload = 4 * core::kMiB;
inline constexpr std::uint64_t kTurns = 64;

struct SeenTransfer {
    core::Wire wire = core::Wire::kTcp;
    bool engine = false;
    TransferNote worker;
    std::optional<LedgerReading> reading;
    std::string no_reading;
    bool has_peer_device = true;
    std::optional<std::uint64_t> disk_read_bytes;
    std::optional<std::uint64_t> nic_tx_bytes;
    bool nic_emulated = false;
    bool nic_virtual = false;
    std::optional<SoftwareNicEvidence> software_nic = {};
    std::optional<UserspaceNicEvidence> userspace_nic = {};

    [[nodiscard]] ledger_counts& counts() { return reading->counts; }

    [[nodiscard]] LedgerFigures figures() const
    {
        return ledger_figures({.wire = wire,
                               .engine = engine,
                               .worker = &worker,
                               .reading = reading ? &*reading : nullptr,
                               .no_reading = no_reading,
                               .has_peer_device = has_peer_device,
                               .disk_read_bytes = disk_read_bytes,
                               .nic_tx_bytes = nic_tx_bytes,
                               .nic_emulated = nic_emulated,
                               .nic_virtual = nic_virtual,
                               .software_nic = software_nic,
                               .userspace_nic = userspace_nic});
    }
};

/// What no method changes. The worker's own figures differ from those that the ledger reads, so
/// that a test sees which of them was taken.
inline SeenTransfer any_transfer()
{
    SeenTransfer seen;
    seen.worker.report.bytes_sent = kPayload;
    seen.worker.report.num_turns = kTurns;
    WorkerFigures& own = seen.worker.figures;
    own.page_faults_minor = 250;
    own.page_faults_major = 6;
    own.context_switches_voluntary = 40;
    own.context_switches_involuntary = 20;
    own.disk_read_bytes = 2 * kPayload;
    own.has_disk_read_bytes = true;
    own.pmu = {{"cycles", 3 * kPayload},
               {"instructions", 5 * kPayload},
               {"llc_misses", 7 * kPayload / core::kKiB}};
    seen.disk_read_bytes = kPayload + kPayload / 2;
    seen.nic_tx_bytes = kPayload + kPayload / 16;
    ledger_counts& counts = seen.reading.emplace().counts;
    counts.phase = LEDGER_OVER;
    counts.at_begin = {.min_flt = 100, .maj_flt = 3, .nvcsw = 10, .nivcsw = 5};
    counts.at_sent = {.min_flt = 220, .maj_flt = 11, .nvcsw = 14, .nivcsw = 13};
    counts.file_has_device = 1;
    counts.disk_bytes = kPayload;
    counts.cache_insertions = 1024;
    return seen;
}

/// read(2) copies out, write(2) copies in; without scatter/gather the device wants it linear.
inline SeenTransfer read_write(bool scatter_gather = true)
{
    SeenTransfer seen = any_transfer();
    seen.reading->calls = {{"read", kTurns}, {"write", kTurns}};
    seen.counts().call_bytes[LEDGER_READ_FILE] = kPayload;
    seen.counts().call_bytes[LEDGER_WRITE_SOCKET] = kPayload;
    seen.counts().payload[LEDGER_QUEUE][LEDGER_PRIVATE] = kPayload;
    seen.counts().payload[LEDGER_TRANSMIT][scatter_gather ? LEDGER_PRIVATE : LEDGER_LINEAR] =
        kPayload;
    seen.counts().copier_bytes[LEDGER_FILEMAP_READ] = kPayload;
    seen.counts().copier_bytes[LEDGER_TCP_SENDMSG] = kPayload;
    seen.counts().copier_bytes[LEDGER_SKB_COPY_BITS] = scatter_gather ? 0 : kPayload;
    return seen;
}

/// The same out of a UDP socket: skbs of several datagrams in pages, the rest linear.
inline SeenTransfer read_write_udp()
{
    SeenTransfer seen = any_transfer();
    seen.wire = core::Wire::kUdp;
    seen.reading->calls = {{"read", kTurns}, {"sendmmsg", kTurns}};
    seen.counts().call_bytes[LEDGER_READ_FILE] = kPayload;
    for (const auto stage : {LEDGER_QUEUE, LEDGER_TRANSMIT}) {
        seen.counts().payload[stage][LEDGER_PRIVATE] = kPayload - kPayload / 8;
        seen.counts().payload[stage][LEDGER_LINEAR] = kPayload / 8;
    }
    return seen;
}

inline SeenTransfer mmap_write()
{
    SeenTransfer seen = any_transfer();
    seen.reading->calls = {{"mmap", kTurns}, {"write", kTurns}};
    seen.counts().call_bytes[LEDGER_WRITE_SOCKET] = kPayload;
    seen.counts().payload[LEDGER_QUEUE][LEDGER_PRIVATE] = kPayload;
    seen.counts().payload[LEDGER_TRANSMIT][LEDGER_PRIVATE] = kPayload;
    seen.counts().copier_bytes[LEDGER_TCP_SENDMSG] = kPayload;
    return seen;
}

inline SeenTransfer sendfile(bool scatter_gather)
{
    SeenTransfer seen = any_transfer();
    seen.reading->calls = {{"sendfile", kTurns}};
    seen.counts().payload[LEDGER_QUEUE][LEDGER_FILE] = kPayload;
    seen.counts().payload[LEDGER_TRANSMIT][scatter_gather ? LEDGER_FILE : LEDGER_LINEAR] = kPayload;
    seen.counts().copier_bytes[LEDGER_SKB_COPY_BITS] = scatter_gather ? 0 : kPayload;
    return seen;
}

/// The disk wrote pages of the kernel's own, which go out as they are.
inline SeenTransfer sendfile_direct()
{
    SeenTransfer seen = sendfile(true);
    for (const ledger_stage stage : {LEDGER_QUEUE, LEDGER_TRANSMIT, LEDGER_DELIVERY}) {
        seen.counts().payload[stage][LEDGER_FILE] = 0;
        seen.counts().payload[stage][LEDGER_DISK] = kPayload;
    }
    seen.counts().cache_insertions = 0;
    return seen;
}

/// The user's pages go out, and arrive as they are or copied.
inline SeenTransfer msg_zerocopy(bool copied_on_arrival)
{
    SeenTransfer seen = any_transfer();
    seen.reading->calls = {{"pread64", kTurns}, {"sendto", kTurns}};
    seen.counts().call_bytes[LEDGER_READ_DIRECT] = kPayload;
    seen.counts().call_bytes[LEDGER_WRITE_SOCKET] = kPayload;
    seen.counts().payload[LEDGER_QUEUE][LEDGER_ANONYMOUS] = kPayload;
    seen.counts().payload[LEDGER_TRANSMIT][LEDGER_ANONYMOUS] = kPayload;
    seen.counts().payload[LEDGER_DELIVERY][copied_on_arrival ? LEDGER_PRIVATE : LEDGER_ANONYMOUS] =
        kPayload;
    seen.counts().cache_insertions = 0;
    return seen;
}

/// Frames of the UMEM, seen where they arrive: as they are, or copied into an skb.
inline SeenTransfer af_xdp(bool copy_mode)
{
    SeenTransfer seen = any_transfer();
    seen.wire = core::Wire::kUdp;
    seen.engine = true;
    seen.reading->calls = {{"io_uring_enter", kTurns / 4}, {"sendto", kTurns / 4}};
    seen.counts().call_bytes[LEDGER_READ_DIRECT] = kPayload;
    seen.counts().payload[LEDGER_ARRIVAL][copy_mode ? LEDGER_LINEAR : LEDGER_ANONYMOUS] = kPayload;
    seen.counts().cache_insertions = 0;
    return seen;
}

/// Over a link whose other end tells nothing: as the driver gets them.
inline SeenTransfer af_xdp_at_driver(ledger_place place)
{
    SeenTransfer seen = af_xdp(true);
    seen.has_peer_device = false;
    seen.counts().payload[LEDGER_ARRIVAL][LEDGER_LINEAR] = 0;
    seen.counts().payload[LEDGER_DRIVER][place] = kPayload;
    return seen;
}

} // namespace pagewire::testbed
