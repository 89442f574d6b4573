// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/queue_split.hpp"

#include "core/units.hpp"
#include "dataplane/engine.hpp"

#include <algorithm>
#include <utility>

namespace pagewire::dataplane {

std::uint32_t num_queues_for(const core::ByteRange& range, std::uint32_t wanted)
{
    return static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(range.length / kChunkBytes, 1, std::max(1U, wanted)));
}

std::vector<core::TransferJob> split_by_queue(const core::TransferJob& job)
{
    const std::uint32_t num_queues = job.dataplane.num_queues;
    const bool from_disk = job.dataplane.source == core::PayloadSource::kDisk;
    const auto boundary = [&](std::uint32_t index) {
        return index == num_queues
                   ? job.range.end()
                   : std::max(job.range.offset,
                              core::round_down<std::uint64_t>(
                                  job.range.offset + job.range.length / num_queues * index,
                                  kChunkBytes));
    };
    std::vector<core::TransferJob> parts;
    for (std::uint32_t i = 0; i < num_queues; ++i) {
        core::TransferJob part = job;
        const std::uint64_t begin = boundary(i);
        part.stream_offset = job.stream_offset + begin - job.range.offset;
        part.range = {.offset = from_disk ? begin : job.range.offset,
                      .length = boundary(i + 1) - begin};
        part.flow = job.flow + i;
        part.dataplane.queue = job.dataplane.queue + i;
        part.dataplane.num_queues = 1;
        part.dataplane.rate.gbps /= num_queues;
        part.dataplane.rate.packets_per_s /= num_queues;
        if (i > 0)
            part.dataplane.fault.clear(); // of one packet, which the first queue sends
        parts.push_back(std::move(part));
    }
    return parts;
}

} // namespace pagewire::dataplane
