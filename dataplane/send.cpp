// SPDX-License-Identifier: BSD-3-Clause
// One transfer through one engine: flow control and the fault decorator around a pipeline.
#include "core/error.hpp"
#include "dataplane/fault.hpp"
#include "dataplane/pipeline.hpp"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

namespace pagewire::dataplane {

core::TransferReport
send_through_engine(const core::TransferJob& job, core::TransferWatch& watch,
                    const std::function<std::unique_ptr<Engine>()>& open_engine)
{
    core::FlowControl flow(job);
    core::TransferJob own = job;
    own.local.port = flow.local_port();
    std::unique_ptr<Engine> engine = open_engine();
    std::optional<Fault> fault;
    if (!job.dataplane.fault.empty()) {
        fault = parse_fault(job.dataplane.fault);
        engine = with_fault(std::move(engine), *fault);
    }
    Pipeline pipeline(own, *engine, &flow);
    if (!job.dataplane.rate.is_limited())
        flow.open(watch); // in the open loop nobody asks for credit, and so none is sent
    core::TransferReport report = pipeline.run(watch);
    const core::FlowControl::Outcome outcome = flow.finish(report.counters["packets"], watch);
    watch.acknowledged();
    report.quiet = outcome.quiet;
    report.counters["packets_received"] = outcome.num_received;
    if (fault && fault->packet >= report.counters["packets"]) {
        throw core::TransferError(
            fmt::format("the fault {} never came to pass: queue {} sent {} packets",
                        job.dataplane.fault, job.dataplane.queue, report.counters["packets"]));
    }
    return report;
}

core::TransferReport send_to_nobody(const core::TransferJob& job, core::TransferWatch& watch,
                                    Engine& engine)
{
    Pipeline pipeline(job, engine, nullptr);
    core::TransferReport report = pipeline.run(watch);
    watch.acknowledged();
    return report;
}

} // namespace pagewire::dataplane
