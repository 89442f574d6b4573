// SPDX-License-Identifier: BSD-3-Clause
#include "core/flow_group.hpp"

#include <algorithm>

namespace pagewire::core {

FlowGroup::FlowGroup(const ReceiveOrder& order, int socket, std::uint64_t window)
    : first_(order.flow)
{
    const std::uint32_t num_flows = std::max(1U, order.num_flows);
    ReceiveOrder one = order;
    for (std::uint32_t i = 0; i < num_flows; ++i) {
        one.flow = first_ + i;
        flows_.emplace_back(one, socket, std::max<std::uint64_t>(1, window / num_flows));
    }
}

FlowReception::Taken FlowGroup::take(const std::optional<FlowHeader>& header,
                                     const sockaddr_in* sender)
{
    // What belongs to none is the first one's to count.
    const std::uint32_t index = header ? header->flow - first_ : 0;
    return flows_[index < flows_.size() ? index : 0].take(header, sender);
}

void FlowGroup::end_batch(bool any)
{
    for (FlowReception& flow : flows_)
        flow.end_batch(any);
}

ReceiveReport FlowGroup::report() const
{
    ReceiveReport all = flows_.front().report();
    for (std::size_t i = 1; i < flows_.size(); ++i) {
        const ReceiveReport one = flows_[i].report();
        all.bytes_received += one.bytes_received;
        all.complete = all.complete && one.complete;
        for (const auto& [name, value] : one.counters)
            all.counters[name] += value;
    }
    return all;
}

} // namespace pagewire::core
