// SPDX-License-Identifier: BSD-3-Clause
// The null engine: takes every descriptor and is done with it at once. With the disk in front it
// measures the disk's own rate, from memory the pipeline's; in tests it is the device. The skeleton
// of every other engine.
#include "dataplane/null.hpp"

#include "dataplane/pipeline.hpp"

#include <algorithm>

namespace pagewire::dataplane {

NullEngine::NullEngine(const core::TransferJob& job)
    : memory_(core::Mapping::huge_or_anonymous(job.dataplane.umem_bytes)),
      done_(job.dataplane.ring_entries)
{}

std::size_t NullEngine::submit(std::span<const Descriptor> descriptors) noexcept
{
    std::size_t count = std::min(descriptors.size(), done_.size() - num_done_);
    while (count > 0 && descriptors[count - 1].more)
        --count;
    for (const Descriptor& descriptor : descriptors.first(count))
        done_[num_done_++] = descriptor.addr;
    return count;
}

std::size_t NullEngine::reclaim(std::span<std::uint64_t> addrs) noexcept
{
    const std::size_t count = std::min(addrs.size(), num_done_);
    for (std::size_t i = 0; i < count; ++i)
        addrs[i] = done_[--num_done_];
    return count;
}

void NullEngine::describe(core::TransferReport& report) const
{
    report.facts["memory"] = memory_.page_note();
}

namespace {

core::TransferReport run(const core::TransferJob& job, core::TransferWatch& watch)
{
    NullEngine engine(job);
    return send_to_nobody(job, watch, engine);
}

} // namespace

extern const core::Method method_null;
constinit const core::Method method_null{
    .name = "null",
    .summary = "O_DIRECT into packet memory, nothing sent: the disk's ceiling",
    .family = core::Family::kDataplane,
    .wire = core::Wire::kNone,
    .needs = {},
    .textbook = std::nullopt,
    .needs_direct_io = true,
    .is_ceiling = true,
    .probe = probe_io_uring,
    .run = run,
};

} // namespace pagewire::dataplane
