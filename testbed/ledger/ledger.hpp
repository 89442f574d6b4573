// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/support.hpp"
#include "testbed/ledger/record.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>

/// The ledger: what a transfer did, counted from the kernel's side by BPF programs on tracepoints
/// (ledger.bpf.c; definitions and limits: docs/ledger.md).
///
///     testbed                         kernel                          worker
///       | start(): counts to zero       |                               |
///       |   programs attached ---------->                               |
///       |   mark FILE ------------------> which inode, which disk       |
///       |                               | <------------- mark BEGIN     |  set-up done
///       |                               |    counting        ...        |  the window
///       |                               | <------------- mark SENT      |
///       |                               |    skbs on the way, disk      |
///       |                               | <------------- mark DONE      |
///       | stop(): programs detached ---->                               |
///
/// Between two transfers nothing is attached: a transfer without the ledger costs what it costs.
/// Nothing outlives this process: programs, maps and attachments are descriptors.
namespace pagewire::testbed {

/// A network device as the kernel's structures name it.
struct LedgerDevice {
    std::uint32_t ifindex = 0; ///< 0: none that could be looked at
    std::uint32_t netns = 0;   ///< inode number of its network namespace
};

/// Which transfer is watched.
struct LedgerSubject {
    int source_fd = -1; ///< of the file, for its inode and its disk
    std::uint64_t range_offset = 0;
    LedgerDevice sender;
    LedgerDevice peer;           ///< the veth peer
    std::uint32_t peer_ipv4 = 0; ///< network byte order
    std::uint16_t peer_port = 0;
    std::uint32_t flow = 0;
    std::uint32_t num_flows = 1; ///< that follow each other; at most LEDGER_MAX_FLOWS; 0: TCP
};

/// The raw counts of one transfer.
struct LedgerReading {
    ledger_counts counts{};
    /// Events that a program of ours did not see, for it was interrupted by itself.
    std::uint64_t num_missed = 0;
    /// The same of those that see packets: of anybody's, on all devices. One of the transfer's own
    /// is missing in its stage's sum.
    std::uint64_t num_missed_packets = 0;
    std::map<std::string, std::uint64_t> calls;       ///< by name, between BEGIN and SENT
    std::map<std::string, std::uint64_t> calls_after; ///< from SENT to the end of the worker
    std::string copiers_unavailable;                  ///< why counts.copier_bytes are none
    /// Tracepoints that this kernel does not have.
    std::map<std::string, std::string> absent;
};

class Ledger {
  public:
    /// Loads the programs, if `wanted`. Never throws: support() tells how it went.
    explicit Ledger(bool wanted = true);
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;
    ~Ledger();

    /// Why there can be no ledger here: no BTF, no permission, not built.
    [[nodiscard]] const core::Support& support() const noexcept { return support_; }

    /// The token for the worker's marks. Throws TransferError where a program cannot be attached.
    [[nodiscard]] std::uint64_t start(const LedgerSubject& subject);
    [[nodiscard]] LedgerReading stop();

  private:
    struct Programs;
    std::unique_ptr<Programs> programs_;
    core::Support support_;
};

/// One watched transfer: attached from construction to stop(), or to the end of this object.
class LedgerWatch {
  public:
    /// Never throws: support() says why nothing is watched.
    LedgerWatch(Ledger& ledger, const LedgerSubject& subject);
    LedgerWatch(const LedgerWatch&) = delete;
    LedgerWatch& operator=(const LedgerWatch&) = delete;
    ~LedgerWatch();

    [[nodiscard]] const core::Support& support() const noexcept { return support_; }

    /// 0 where nothing is watched.
    [[nodiscard]] std::uint64_t token() const noexcept { return token_; }

    /// Once, and only where support() is there.
    [[nodiscard]] LedgerReading stop();

  private:
    Ledger& ledger_;
    core::Support support_;
    std::uint64_t token_ = 0;
    bool watching_ = false;
};

} // namespace pagewire::testbed
