// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "testbed/ledger/ledger.hpp"
#include "testbed/messages.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

/// The ledger's figures of one transfer, each with its evidence or with the reason why it is
/// missing (docs/ledger.md). Never a zero for what was not seen.
namespace pagewire::testbed {

struct Figure {
    std::optional<double> value;
    std::string evidence; ///< of the value; "unavailable: why" without one
};

[[nodiscard]] Figure unavailable(std::string why);

/// What a software NIC saw of the descriptors that it fetched from.
struct SoftwareNicEvidence {
    std::uint64_t bytes_fetched = 0; ///< headers included
    /// Payload bytes by the descriptors' addresses: where the sender's disk reads land, or not.
    /// Nothing: the sender did not say where that is.
    std::optional<std::uint64_t> payload_in_disk_memory;
    std::uint64_t payload_elsewhere = 0;
};

/// Of a software NIC's counters.
[[nodiscard]] SoftwareNicEvidence software_nic_evidence(const core::ReceiveReport& report);

/// A NIC whose driver runs in the worker: no kernel's driver has it, and no tracepoint sees its
/// packets.
struct UserspaceNicEvidence {
    std::string kernel_driver; ///< who has the device for the kernel (sysfs), while it sends
    /// mprotect(2) took every access to the payload from the worker before the transfer.
    bool payload_protected = false;
    std::optional<std::uint64_t> tx_bytes; ///< as the device counts them
};

/// Everything that figures are made of. `reading` is null where the ledger did not watch.
struct TransferEvidence {
    core::Wire wire = core::Wire::kTcp;
    bool engine = false; ///< its packets may pass no tracepoint on their way to the driver
    const TransferNote* worker = nullptr;
    const LedgerReading* reading = nullptr;
    std::string no_reading = {};  ///< why it is null
    bool has_peer_device = false; ///< the other end of the link is a device of this machine
    std::optional<std::uint64_t> disk_read_bytes = {}; ///< by the file's device
    std::optional<std::uint64_t> nic_tx_bytes = {};
    bool nic_emulated = false;
    bool nic_virtual = false; ///< emulated, and a device to its driver: QEMU plays it
    std::optional<SoftwareNicEvidence> software_nic = {};
    std::optional<UserspaceNicEvidence> userspace_nic = {};
};

/// What the path did to the payload, as observed.
enum class ZeroCopy : std::uint8_t { kUnknown, kZeroCopy, kPartly, kCopied };

[[nodiscard]] std::string_view zero_copy_name(ZeroCopy observed);

struct LedgerFigures {
    Figure syscalls_per_mib;
    Figure crossings_per_turn;
    Figure page_faults_per_mib;
    Figure page_faults_per_turn;
    Figure context_switches_per_mib;
    Figure context_switches_involuntary_per_mib;
    Figure cpu_copies_per_byte; ///< the sum of the next three
    Figure copies_to_user_per_byte;
    Figure copies_to_kernel_per_byte;
    Figure copies_at_transmit_per_byte;
    Figure cpu_copies_per_byte_fentry; ///< the second witness
    Figure dma_disk_per_byte;          ///< read by the worker
    Figure dma_disk_device_per_byte;   ///< read from the device, whoever asked
    Figure cache_insertions_per_mib;   ///< folios of the file that entered the page cache
    Figure dma_nic_per_byte;
    Figure cycles_per_byte;
    Figure instructions_per_byte;
    Figure llc_misses_per_kib;

    std::map<std::string, std::uint64_t> syscalls;
    std::map<std::string, std::uint64_t> syscalls_after;
    /// Payload bytes by stage and place, as seen: "queue/private" and so on.
    std::map<std::string, std::uint64_t> payload_bytes;
    ZeroCopy observed = ZeroCopy::kUnknown;
    std::string observed_evidence;
    /// Copies a payload byte behind the sending device, where the receiver is on this machine; of
    /// no sum. Nothing: none was seen.
    std::optional<double> copied_by_receiver;
};

[[nodiscard]] LedgerFigures ledger_figures(const TransferEvidence& evidence);

/// A name in the document, and the figure that it stands for.
struct NamedFigure {
    const char* name;
    Figure LedgerFigures::*figure;
};

inline constexpr std::array kLedgerFigures{
    NamedFigure{"syscalls_per_mib", &LedgerFigures::syscalls_per_mib},
    NamedFigure{"crossings_per_turn", &LedgerFigures::crossings_per_turn},
    NamedFigure{"page_faults_per_mib", &LedgerFigures::page_faults_per_mib},
    NamedFigure{"page_faults_per_turn", &LedgerFigures::page_faults_per_turn},
    NamedFigure{"context_switches_per_mib", &LedgerFigures::context_switches_per_mib},
    NamedFigure{"context_switches_involuntary_per_mib",
                &LedgerFigures::context_switches_involuntary_per_mib},
    NamedFigure{"cpu_copies_per_byte", &LedgerFigures::cpu_copies_per_byte},
    NamedFigure{"copies_to_user_per_byte", &LedgerFigures::copies_to_user_per_byte},
    NamedFigure{"copies_to_kernel_per_byte", &LedgerFigures::copies_to_kernel_per_byte},
    NamedFigure{"copies_at_transmit_per_byte", &LedgerFigures::copies_at_transmit_per_byte},
    NamedFigure{"cpu_copies_per_byte_fentry", &LedgerFigures::cpu_copies_per_byte_fentry},
    NamedFigure{"dma_disk_per_byte", &LedgerFigures::dma_disk_per_byte},
    NamedFigure{"dma_disk_device_per_byte", &LedgerFigures::dma_disk_device_per_byte},
    NamedFigure{"cache_insertions_per_mib", &LedgerFigures::cache_insertions_per_mib},
    NamedFigure{"dma_nic_per_byte", &LedgerFigures::dma_nic_per_byte},
    NamedFigure{"cycles_per_byte", &LedgerFigures::cycles_per_byte},
    NamedFigure{"instructions_per_byte", &LedgerFigures::instructions_per_byte},
    NamedFigure{"llc_misses_per_kib", &LedgerFigures::llc_misses_per_kib},
};

} // namespace pagewire::testbed
