// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever the layout, the MTU, the device's limits and the stream: the packets are the stream,
// each byte once and in order, and no descriptor is one that a device would refuse.

#include "dataplane/segmenter.hpp"

#include "core/error.hpp"
#include "core/units.hpp"
#include "dataplane/packet_header.hpp"

#include <fuzzer/FuzzedDataProvider.h>

#include <array>
#include <cstdlib>
#include <span>

namespace {

using namespace pagewire::dataplane;
using pagewire::core::kKiB;

void require(bool holds)
{
    if (!holds)
        std::abort();
}

/// As of a job: of any sizes that a plan may ask for, and some that it may not.
PacketMemoryLayout any_layout(FuzzedDataProvider& any, std::uint32_t mtu)
{
    pagewire::core::DataplaneJob job;
    job.layout = any.ConsumeBool() ? pagewire::core::PacketLayout::kHeadroom
                                   : pagewire::core::PacketLayout::kSegments;
    job.umem_bytes = any.ConsumeIntegralInRange<std::uint64_t>(4096, 64 * 1024 * kKiB);
    job.frame_bytes = kChunkBytes * any.ConsumeIntegralInRange<std::uint32_t>(1, 256);
    job.ring_entries = 1U << any.ConsumeIntegralInRange<unsigned>(6, 15);
    return PacketMemoryLayout::of(job, mtu);
}

/// Descriptor `at` of a packet: where AF_XDP takes one from.
void check_place(const Descriptor& descriptor, const PacketMemoryLayout& layout,
                 const Segmenter::Limits& limits)
{
    require(descriptor.len > 0);
    require(descriptor.addr + descriptor.len <= layout.end());
    if (limits.slice_bytes_max == kChunkBytes) {
        require(descriptor.addr / kChunkBytes ==
                (descriptor.addr + descriptor.len - 1) / kChunkBytes);
    } else {
        require(descriptor.len <= limits.slice_bytes_max);
    }
}

/// A packet's descriptors hold [position, position + bytes), behind its header.
void check_packet(std::span<const Descriptor> packet, std::uint64_t position, std::uint32_t bytes,
                  const PacketMemoryLayout& layout, const Segmenter::Limits& limits,
                  std::uint64_t header_addr)
{
    require(!packet.empty() && packet.size() <= limits.num_slices_max + 1);
    std::uint64_t held = 0;
    for (std::size_t i = 0; i < packet.size(); ++i) {
        check_place(packet[i], layout, limits);
        require(packet[i].more == (i + 1 < packet.size()));
        if (i == 0 && !layout.has_headroom()) {
            require(packet[i].addr == header_addr && packet[i].len == kPacketHeaderBytes);
            continue;
        }
        const std::uint32_t header = i == 0 ? kPacketHeaderBytes : 0;
        require(packet[i].addr + header == layout.addr_of(position + held));
        held += packet[i].len - header;
    }
    require(held == bytes);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    FuzzedDataProvider any(data, size);
    const auto mtu = any.ConsumeIntegralInRange<std::uint32_t>(68, 65535);
    try {
        const PacketMemoryLayout layout = any_layout(any, mtu);
        const Segmenter::Limits limits{
            .payload_bytes_max = payload_room(mtu),
            .num_slices_max = any.ConsumeIntegralInRange<unsigned>(1, Segmenter::kSlicesMax),
            .slice_bytes_max = any.ConsumeBool() || layout.has_headroom()
                                   ? kChunkBytes
                                   : any.ConsumeIntegralInRange<std::uint32_t>(128, kChunkBytes)};
        const Segmenter segmenter(layout, limits);
        std::uint64_t position = any.ConsumeIntegralInRange<std::uint64_t>(0, 1U << 20U);
        const std::uint64_t end =
            position + any.ConsumeIntegralInRange<std::uint64_t>(1, 512 * kKiB);
        std::array<Descriptor, Segmenter::kSlicesMax + 1> packet{};
        while (position < end) {
            const std::uint32_t bytes = segmenter.payload_bytes(position, end);
            require(bytes > 0 && bytes <= limits.payload_bytes_max && position + bytes <= end);
            constexpr std::uint64_t header_addr = PacketMemoryLayout::kHeaderOffset;
            const std::size_t count = segmenter.cut(position, bytes, header_addr, packet);
            check_packet(std::span(packet).first(count), position, bytes, layout, limits,
                         header_addr);
            position += bytes;
        }
    } catch (const pagewire::core::UsageError&) {
        // no such layout: fewer than two frames, or no room for a slot
    }
    return 0;
}
