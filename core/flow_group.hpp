// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/flow_reception.hpp"

#include <vector>

namespace pagewire::core {

/// The flows that one stream comes in, one for each of the sender's queues: each has numbers,
/// credit and an end of its own, and its datagrams say where in the stream their payload belongs.
class FlowGroup {
  public:
    /// As FlowReception; `window` is shared out evenly.
    FlowGroup(const ReceiveOrder& order, int socket, std::uint64_t window);

    [[nodiscard]] FlowReception::Taken take(const std::optional<FlowHeader>& header,
                                            const sockaddr_in* sender);

    void end_batch(bool any);

    /// Of all flows together: counters are sums, and complete is what all are.
    [[nodiscard]] ReceiveReport report() const;

  private:
    std::uint32_t first_;
    std::vector<FlowReception> flows_;
};

} // namespace pagewire::core
