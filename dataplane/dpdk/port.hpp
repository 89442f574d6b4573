// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct rte_mbuf;

namespace pagewire::dataplane::dpdk {

/// What a port's name says: "0000:01:00.0" a PCI device, all else a virtual one with its arguments,
/// "net_af_packet0,iface=eth1".
struct PortName {
    std::string name;    ///< up to the first comma
    std::string devargs; ///< all of it
    bool is_pci = false;

    /// Throws core::TransferError where it can be neither.
    [[nodiscard]] static PortName parse(std::string_view text);

    /// A driver of virtual ports that copies every packet, by its source: into a ring of the
    /// kernel's, a file, another process's memory.
    [[nodiscard]] bool is_known_to_copy() const noexcept;

    /// A virtual port's driver, "net_af_packet".
    [[nodiscard]] std::string driver() const;
};

struct PortCounters {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0; ///< of frames, without their check sequence
};

/// Sole owner of one DPDK port and its TX queues, each of which one thread may use. Stopped and
/// closed at the end of its life: what the driver still holds is freed then.
class Port {
  public:
    struct Config {
        PortName port;
        std::uint32_t mtu = 0;
        std::uint16_t num_queues = 1;
        std::uint32_t tx_entries = 0; ///< of each queue
        /// The same where the driver keeps what was sent until it needs the descriptors: what a
        /// ring may hold back from the packet memory.
        std::uint32_t tx_entries_kept = 0;
        /// By the port: UDP's, and IPv4's where it makes that too.
        bool checksums = false;
    };

    /// EAL has started. Throws core::TransferError: no such port, or it cannot do that.
    explicit Port(const Config& config);
    ~Port();
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    [[nodiscard]] const std::string& driver() const noexcept { return driver_; }

    [[nodiscard]] unsigned num_segments_max() const noexcept { return num_segments_max_; }

    [[nodiscard]] std::uint16_t tx_entries() const noexcept { return tx_entries_; }

    /// What each packet is to ask for, in mbufs' words: checksums that the port makes.
    [[nodiscard]] std::uint64_t tx_flags() const noexcept { return tx_flags_; }

    [[nodiscard]] bool makes_ipv4_checksums() const noexcept;

    /// What it has sent since it was opened, as the device counts it; nothing where its driver does
    /// not say.
    [[nodiscard]] std::optional<PortCounters> counters() const noexcept;

    /// Hands packets to the driver; returns how many it took.
    [[nodiscard]] std::uint16_t send(std::uint16_t queue, std::span<rte_mbuf*> packets) noexcept;

    /// Has the driver free what the device is done with, where it has a way to be asked. Others
    /// free at once (those that copy) or when they need the room. `is_finished`: nothing more will
    /// be sent by this queue.
    void clean_up(std::uint16_t queue, bool is_finished) noexcept;

    /// The link was up at the start and is not any more: cable, peer process.
    [[nodiscard]] bool has_lost_link() const noexcept;

  private:
    enum class CleanUp : std::uint8_t { kByCall, kByCallAtTheEnd, kByRefusedPacket, kNone };

    void configure(const Config& config);
    void wait_for_link() const;
    void close() noexcept;

    std::string name_;
    std::string driver_;
    std::uint16_t port_ = 0;
    std::uint16_t tx_entries_ = 0;
    unsigned num_segments_max_ = 1;
    std::uint64_t tx_flags_ = 0; // any: packets are prepared
    PortCounters counters_at_start_;
    CleanUp clean_up_ = CleanUp::kNone;
    std::vector<std::unique_ptr<rte_mbuf>> refused_; // kByRefusedPacket: one a queue
    bool was_up_ = false;
};

} // namespace pagewire::dataplane::dpdk
