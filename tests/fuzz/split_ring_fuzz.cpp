// SPDX-License-Identifier: BSD-3-Clause

/// libFuzzer target: whatever a driver writes into a ring and its packets, the device reads nothing
/// outside of the shared memory, and comes to an end.

#include "dataplane/split_ring.hpp"
#include "dataplane/vhost_packet.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace pagewire::dataplane;
    constexpr std::uint16_t ring_size = 8;
    constexpr std::uint64_t guest_base = 0x100; // small: random addresses meet it
    std::array<vring_desc, ring_size> desc{};
    alignas(4) std::array<std::uint16_t, 2 + ring_size> avail{};
    alignas(4) std::array<std::uint16_t, 3 + 4 * ring_size> used{};
    const auto take = [&](void* to, std::size_t bytes) {
        const std::size_t count = std::min(bytes, size);
        if (count == 0)
            return; // an empty vector has no address to copy to
        std::memcpy(to, data, count);
        data += count;
        size -= count;
    };
    take(desc.data(), sizeof(desc));
    take(avail.data(), sizeof(avail));
    std::vector<std::byte> memory(size); // of its own size: reads beyond it are seen
    take(memory.data(), size);

    auto* used_ring = reinterpret_cast<vring_used*>(used.data());
    SplitRing ring({.desc = desc.data(),
                    .avail = reinterpret_cast<vring_avail*>(avail.data()),
                    .used = used_ring,
                    .size = ring_size},
                   GuestMemory({{.guest_addr = guest_base, .bytes = memory}}));
    std::uint16_t num_chains = 0;
    unsigned sum = 0;
    while (const auto chain = ring.next()) {
        ++num_chains;
        if (chain->segments.size() > ring_size || num_chains > ring_size)
            std::abort();
        for (const ChainSegment& segment : chain->segments) {
            for (const std::byte octet : segment.bytes)
                sum += std::to_integer<unsigned>(octet);
            if (segment.guest_addr - guest_base > memory.size())
                std::abort();
        }
        const VhostPacket packet(*chain, 12);
        const std::uint64_t payload = packet.header() ? packet.header()->length : 0;
        if (packet.payload_bytes_in({.begin = guest_base, .bytes = memory.size()}) != payload)
            std::abort();
        std::vector<std::byte> copy(payload);
        packet.copy_payload(copy);
        sum += packet.checksum_is_right() ? 1 : 0;
        ring.finish(*chain);
    }
    ring.publish();
    if (used_ring->idx != num_chains)
        std::abort();
    volatile unsigned keep = sum; // the reads are not left out
    static_cast<void>(keep);
    return 0;
}
