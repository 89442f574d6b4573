// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"
#include "nic/checks/packet.hpp"
#include "nic/checks/rig.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// Traffic of the checks: kernel sockets at both ends, with payload of which every octet is known
/// by its place.
namespace pagewire::nic {

/// The octets from `offset` on of a sequence that repeats nowhere near.
void fill_pattern(std::span<std::byte> out, std::uint64_t offset);

/// The place of the first octet that is not the pattern's.
[[nodiscard]] std::optional<std::uint64_t> find_mismatch(std::span<const std::byte> octets,
                                                         std::uint64_t offset);

/// A TCP connection from the rig's near end to its far end.
class TcpPair {
  public:
    /// No call on its sockets blocks for longer than `patience`. Throws SystemError.
    TcpPair(const Rig& rig, IpVersion version,
            std::chrono::seconds patience = std::chrono::seconds(5));

    [[nodiscard]] int near() const noexcept { return near_.get(); }

    [[nodiscard]] int far() const noexcept { return far_.get(); }

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; } ///< the far end's

    [[nodiscard]] std::uint32_t retransmissions() const; ///< of the near end, packets

  private:
    core::UniqueFd near_;
    core::UniqueFd far_;
    std::uint16_t port_ = 0;
};

struct StreamReport {
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    std::optional<std::uint64_t> first_wrong; ///< place of the first octet that arrived changed
    std::uint32_t retransmissions = 0;
    std::string trouble; ///< why it ended early; empty: it did not

    /// Everything arrived, unchanged.
    [[nodiscard]] bool is_whole() const
    {
        return trouble.empty() && !first_wrong && bytes_received == bytes_sent;
    }
};

/// Sends `bytes` of the pattern, and ends the connection.
StreamReport send_stream(TcpPair& pair, std::uint64_t bytes);

/// For a stream under which the device is changed: a driver may take the link down for that, and
/// TCP waits longer from one attempt to the next.
inline constexpr std::chrono::seconds kLinkPatience{20};

/// Sends for as long as `meanwhile` runs beside it, whose exceptions pass. `meanwhile` is given a
/// function that tells whether the stream still flows.
StreamReport stream_beside(TcpPair& pair,
                           const std::function<void(const std::function<bool()>&)>& meanwhile);

/// Reads the pattern from a connected socket to its end.
void receive_pattern(int socket, StreamReport& report);

/// In words: "8388608 octets, all as sent, 0 retransmitted packets".
[[nodiscard]] std::string describe(const StreamReport& report);

struct Datagram {
    std::vector<std::byte> octets;
    std::uint16_t segment_bytes = 0; ///< UDP_GRO: datagrams of this size were merged; 0: one alone
};

/// UDP sockets at both ends, connected to each other.
class UdpPair {
  public:
    /// Throws SystemError.
    UdpPair(const Rig& rig, IpVersion version);

    [[nodiscard]] int near() const noexcept { return near_.get(); }

    [[nodiscard]] int far() const noexcept { return far_.get(); }

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; } ///< the far end's

    [[nodiscard]] std::uint16_t near_port() const noexcept { return near_port_; }

    /// One send(2) of the near end; with `segment_bytes`, as datagrams of that size (UDP_SEGMENT).
    /// Returns 0 or the errno.
    [[nodiscard]] int send(std::span<const std::byte> octets, std::uint16_t segment_bytes = 0);

    /// Nothing where none has come for `longest`.
    [[nodiscard]] std::optional<Datagram> receive(std::chrono::milliseconds longest);

  private:
    core::UniqueFd near_;
    core::UniqueFd far_;
    std::uint16_t port_ = 0;
    std::uint16_t near_port_ = 0;
};

} // namespace pagewire::nic
