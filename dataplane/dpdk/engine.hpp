// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "dataplane/dpdk/packet_memory.hpp"
#include "dataplane/dpdk/port.hpp"
#include "dataplane/engine.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace pagewire::dataplane::dpdk {

/// What the queues of one transfer have in common: EAL, packet memory, the port. Each queue's
/// engine sends from a region of the memory by mbufs of its own, and shares nothing in its loop.
class SharedPort {
  public:
    /// Starts EAL. Throws core::TransferError.
    SharedPort(const core::TransferJob& job, const PortName& name);

    [[nodiscard]] const PortName& name() const noexcept { return name_; }

    /// The engine of one queue; the port lives as long as the last of them.
    [[nodiscard]] static std::unique_ptr<Engine> open_queue(std::shared_ptr<SharedPort> port,
                                                            std::uint32_t queue);

  private:
    class QueueEngine;

    static std::vector<std::unique_ptr<ExtbufPackets>> make_packets(const core::TransferJob& job,
                                                                    const PacketMemory& memory);

    PortName name_;
    PacketMemory memory_;
    std::vector<std::unique_ptr<ExtbufPackets>> packets_; // by queue
    Port port_; // the last: what it still holds is freed first
};

} // namespace pagewire::dataplane::dpdk
