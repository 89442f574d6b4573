// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/checks/capture.hpp"
#include "nic/checks/check.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Sends that are cut into packets: what the sender's tap shows of them (what the device was given)
/// against what arrives at the peer.
namespace pagewire::nic {

struct SegmentConfig {
    std::string what; ///< "TCP over IPv4, on": begins each sentence
    std::uint32_t mtu = 0;
    bool fixed_ids = false;  ///< tx-tcp-mangleid-segmentation: segments may share an IPv4 id
    bool is_virtual = false; ///< a large send may cross whole: no wire follows
};

/// Payload octets of the flow by how they left, and what arrived.
struct SegmentCounts {
    std::uint64_t bytes_large = 0;  ///< given to the device as sends that stand for several packets
    std::uint64_t bytes_single = 0; ///< given as packets
    std::size_t num_given = 0;      ///< packets with payload, those that large sends stand for too
    std::size_t num_arrived = 0;    ///< of them, at the peer
    std::size_t num_whole = 0;      ///< large sends that crossed uncut
    std::size_t longest = 0;        ///< octets of the longest IP packet that arrived cut

    [[nodiscard]] double share_large() const
    {
        const std::uint64_t total = bytes_large + bytes_single;
        return total == 0 ? 0.0 : static_cast<double>(bytes_large) / static_cast<double>(total);
    }

    [[nodiscard]] double share_lost() const
    {
        return num_given == 0 || num_arrived >= num_given
                   ? 0.0
                   : static_cast<double>(num_given - num_arrived) / static_cast<double>(num_given);
    }

    [[nodiscard]] std::string describe() const;
};

/// Every packet of a large send that arrives must be the one that the kernel would have made
/// (net/ipv4/tcp_offload.c, tcp_gso_segment; net/ipv4/udp_offload.c, __udp_gso_segment): the size
/// asked for, all but the last; its own sequence number; IPv4 ids that count up; FIN and PSH on the
/// last alone; right checksums; no longer than the MTU. Failures carry the frame.
SegmentCounts judge_segments(const std::vector<CapturedPacket>& given,
                             const std::vector<CapturedPacket>& arrived,
                             const SegmentConfig& config, Judgement& judgement);

} // namespace pagewire::nic
