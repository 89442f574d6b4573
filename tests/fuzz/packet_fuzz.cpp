// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever a tap shows: a packet lies inside of its frame, and all that is said of it is said
// without reading outside.

#include "nic/checks/capture.hpp"
#include "nic/checks/packet.hpp"
#include "nic/checks/segments.hpp"

#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <span>
#include <vector>

namespace {

using namespace pagewire::nic;

void require(bool holds)
{
    if (!holds)
        std::abort();
}

bool lies_inside(std::span<const std::byte> part, std::span<const std::byte> whole)
{
    return part.empty() || (part.data() >= whole.data() &&
                            part.data() + part.size() <= whole.data() + whole.size());
}

std::optional<CapturedPacket> any_packet(FuzzedDataProvider& any)
{
    Frame frame;
    frame.outgoing = any.ConsumeBool();
    frame.checksum_pending = any.ConsumeBool();
    frame.segment_bytes = any.ConsumeIntegral<std::uint8_t>(); // small frames, small segments
    const auto octets =
        any.ConsumeBytes<std::uint8_t>(any.ConsumeIntegralInRange<std::size_t>(0, 600));
    const auto bytes = std::as_bytes(std::span(octets));
    frame.octets.assign(bytes.begin(), bytes.end());
    const auto packet = parse_packet(frame.octets);
    if (!packet)
        return std::nullopt;
    require(lies_inside(packet->network, frame.octets));
    require(lies_inside(packet->transport, packet->network));
    require(lies_inside(packet->payload, packet->transport));
    require(packet->transport_at <= frame.octets.size());
    require(!packet->is_fragment || !is_transport_checksum_valid(*packet));
    (void)is_ip_checksum_valid(*packet);
    (void)pseudo_header_sum(*packet);
    return std::optional<CapturedPacket>(std::in_place, std::move(frame), *packet);
}

std::vector<CapturedPacket> any_packets(FuzzedDataProvider& any)
{
    std::vector<CapturedPacket> packets;
    const auto count = any.ConsumeIntegralInRange<std::size_t>(0, 6);
    for (std::size_t i = 0; i < count; ++i) {
        if (auto packet = any_packet(any))
            packets.push_back(std::move(*packet));
    }
    return packets;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    FuzzedDataProvider any(data, size);
    const SegmentConfig config{.what = "fuzz",
                               .mtu = any.ConsumeIntegral<std::uint16_t>(),
                               .fixed_ids = any.ConsumeBool(),
                               .is_virtual = any.ConsumeBool()};
    const auto given = any_packets(any);
    const auto arrived = any_packets(any);
    Judgement judgement;
    const SegmentCounts counts = judge_segments(given, arrived, config, judgement);
    require(counts.share_large() >= 0.0 && counts.share_large() <= 1.0);
    require(counts.share_lost() >= 0.0 && counts.share_lost() <= 1.0);
    require(judgement.failed() || counts.num_whole <= counts.num_arrived);
    (void)counts.describe();
    return 0;
}
