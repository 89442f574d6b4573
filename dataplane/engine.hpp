// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

/// The Engine contract: what hands packets to a NIC, seen from the pipeline.
///
/// An engine owns one piece of packet memory. Everything in it is named by `addr`, an offset from
/// its start, as in AF_XDP. The pipeline writes headers and lets the disk write payload into that
/// memory; the engine only ever reads it.
///
///     pipeline                              engine                              NIC
///     descriptors of whole packets --submit()-->  TX ring  --kick()-->  reads memory, sends
///     memory may be written again <--reclaim()--  completion ring  <--  done with each descriptor
///
/// Between submit() and the moment when reclaim() returns its addr, a descriptor's memory belongs
/// to the engine: writing to it would send wrong bytes. Every accepted descriptor is reclaimed
/// exactly once, in any order. No call of the hot path blocks, allocates or throws, save wait().
namespace pagewire::dataplane {

/// One segment of a packet: `len` octets at `addr`, within one chunk. `more`: the packet goes on in
/// the next descriptor. The first segment of a packet is its protocol header, the others are
/// payload where the disk left it.
struct Descriptor {
    std::uint64_t addr = 0;
    std::uint32_t len = 0;
    bool more = false;

    bool operator==(const Descriptor&) const = default;
};

/// Memory is cut in chunks of this size, on this alignment; a descriptor never crosses from one to
/// the next, unless the engine's descriptors are smaller (segment_bytes_max()).
inline constexpr std::uint32_t kChunkBytes = 4096;

class Engine {
  public:
    [[nodiscard]] virtual std::span<std::byte> memory() const noexcept = 0;

    /// Descriptors that one packet may have, header included.
    [[nodiscard]] virtual unsigned num_segments_max() const noexcept = 0;

    /// Octets that one descriptor may have. Less than kChunkBytes: it may cross chunks.
    [[nodiscard]] virtual std::uint32_t segment_bytes_max() const noexcept { return kChunkBytes; }

    /// Takes as many whole packets from the front as it has room for; returns how many descriptors
    /// that is.
    [[nodiscard]] virtual std::size_t submit(std::span<const Descriptor> descriptors) noexcept = 0;

    /// Makes the device look at what was submitted, where it wants to be told. 0, or the errno of a
    /// failure that will not mend itself.
    [[nodiscard]] virtual int kick() noexcept = 0;

    /// Stores addresses of finished descriptors; returns how many.
    [[nodiscard]] virtual std::size_t reclaim(std::span<std::uint64_t> addrs) noexcept = 0;

    /// Nothing more will be submitted: now is the time for devices that give back what they are
    /// done with only where they need its place.
    virtual void finish() noexcept {}

    /// Sleeps until the device has made room, or `longest` is over.
    virtual void wait(std::chrono::milliseconds longest) noexcept = 0;

    /// Adds what the engine knows of the transfer: mode, memory, counters. Called once, after it.
    virtual void describe(core::TransferReport& report) const = 0;

    Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    virtual ~Engine() = default;
};

} // namespace pagewire::dataplane
