// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/transfer.hpp"

#include "core/error.hpp"
#include "core/units.hpp"
#include "dataplane/frame_ledger.hpp"
#include "dataplane/queue_split.hpp"
#include "dataplane/xdp_choice.hpp"
#include "nic/link.hpp"
#include "nic/pci_device.hpp"
#include "testbed/child_process.hpp"
#include "testbed/deferred_skbs.hpp"
#include "testbed/disk_counters.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pagewire::testbed {

namespace {

constexpr std::chrono::milliseconds kSlice{100};
constexpr std::chrono::seconds kSinkReadyTime{10};
/// A sink that was told to stop answers within its own look-out interval.
constexpr std::chrono::seconds kSinkReportTime{5};
/// A worker ends by itself at its time limit; after this much more it is killed.
constexpr std::chrono::seconds kWorkerGrace{3};

/// What is odd about a reception that delivered every byte right.
std::string arrival_remark(const core::ReceiveReport& report, bool verified)
{
    std::string remark = verified ? "" : "not verified: a rate only";
    for (const auto& [counter, what] :
         {std::pair{"datagrams_duplicate", "datagrams that came twice"},
          std::pair{"datagrams_reordered", "datagrams out of order"},
          std::pair{"datagrams_foreign", "datagrams of no flow of ours"}}) {
        const auto it = report.counters.find(counter);
        if (it != report.counters.end() && it->second > 0)
            remark += fmt::format("{}{}: {}", remark.empty() ? "" : "; ", what, it->second);
    }
    return remark;
}

/// Of the NIC that an engine drives from the worker.
UserspaceNicEvidence userspace_nic(const core::TransferJob& job, const TransferNote& worker)
{
    const std::string& port = job.dataplane.dpdk_port;
    const auto device = nic::find_pci_device(port.substr(0, port.find(',')));
    const auto sent = worker.report.counters.find("port_tx_bytes");
    return {.kernel_driver = device ? device->driver : std::string{},
            .payload_protected = job.dataplane.protect_payload,
            .tx_bytes =
                sent == worker.report.counters.end() ? std::nullopt : std::optional(sent->second)};
}

} // namespace

TransferRunner::TransferRunner(const Plan& setting, Lab& lab, SinkMemory& sink_memory,
                               const Source& source, Ledger& ledger,
                               const std::atomic<bool>& interrupted, Pause pause)
    : plan_(setting),
      lab_(lab),
      sink_memory_(sink_memory),
      source_(source),
      ledger_(ledger),
      interrupted_(interrupted),
      pause_(std::move(pause))
{}

std::optional<Sample> TransferRunner::run(const Cell& cell, unsigned round, bool watched)
{
    Sample sample;
    sample.round = round;
    sample.watched = watched;
    try {
        set_conditions(cell);
        core::TransferJob job{.path = source_.path,
                              .range = source_.range,
                              .chunk_bytes = plan_.chunk_bytes,
                              .map_per_chunk = cell.map_per_chunk,
                              .interface = lab_.link().interface,
                              .mtu = lab_.link().mtu,
                              .local = lab_.link().local,
                              .peer = lab_.link().peer,
                              .flow = sink_memory_.next_flow,
                              .dataplane = dataplane_job(cell)};
        sink_memory_.next_flow += job.dataplane.num_queues;
        if (cell.source == core::PayloadSource::kMemory)
            job.range = memory_range(job.dataplane);
        if (cell.method->wire != core::Wire::kNone)
            order_sink(cell, job);
        transfer(cell, job, sample);
        judge(cell, sample);
        if (cell.method->has_queues && job.dataplane.num_queues < plan_.dataplane.num_queues) {
            sample.remark += fmt::format("{}{} of {} queues: the range has no more pages",
                                         sample.remark.empty() ? "" : "; ",
                                         job.dataplane.num_queues, plan_.dataplane.num_queues);
        }
    } catch (const Interrupted&) {
        return std::nullopt;
    } catch (const std::exception&) {
        sample.error = failure();
    }
    // A file that changed explains every other failure.
    if (const std::string change = source_.change(); !change.empty())
        sample.error = fmt::format("the file changed during the run: {}", change);
    if (interrupted_.load())
        return std::nullopt;
    return sample;
}

std::string TransferRunner::failure() const
{
    try {
        throw;
    } catch (const ChannelClosed&) {
        return fmt::format("the sink {}", lab_.sink_lost());
    } catch (const core::TransferError& error) {
        return error.what();
    } catch (const core::SystemError& error) {
        lab_.sink_lost(); // it may be waiting for a sender that will not come
        return error.what();
    } catch (const core::UsageError& error) {
        lab_.sink_lost(); // a control message that is none, a sink that is gone for good
        return error.what();
    }
}

void TransferRunner::transfer(const Cell& cell, const core::TransferJob& job, Sample& sample)
{
    const auto& link = lab_.link();
    TransferEvidence evidence{.wire = cell.method->wire,
                              .engine = cell.method->family == core::Family::kDataplane,
                              .has_peer_device = link.peer_device.ifindex != 0,
                              .nic_emulated = link.emulated,
                              .nic_virtual = link.virtual_hardware};
    evidence.no_reading = plan_.ledger == LedgerMode::kOff
                              ? "the ledger is switched off"
                              : "the ledger did not watch this transfer";
    std::optional<LedgerWatch> watch;
    if (sample.watched) {
        watch.emplace(ledger_, LedgerSubject{.source_fd = source_.fd.get(),
                                             .range_offset = job.range.offset,
                                             .sender = link.device,
                                             .peer = link.peer_device,
                                             .peer_ipv4 = job.peer.ipv4,
                                             .peer_port = job.peer.port,
                                             .flow = job.flow,
                                             .num_flows = cell.method->wire == core::Wire::kUdp
                                                              ? job.dataplane.num_queues
                                                              : 0});
        evidence.no_reading = watch->support().reason();
    }
    const auto read_before = disk_read_bytes(source_.fd.get());
    const auto sent_before = nic::link_counters(lab_.sender_netns(), link.interface).tx_bytes;
    // A turn meant for the ledger is shown also where the ledger cannot watch.
    const bool pause = pause_ && (sample.watched || plan_.ledger == LedgerMode::kOff);
    const bool has_sink = cell.method->wire != core::Wire::kNone;
    sample.worker = run_worker_process(cell,
                                       {.method = std::string(cell.method->name),
                                        .job = job,
                                        .time_limit = plan_.time_limit,
                                        .ledger_token = watch ? watch->token() : 0,
                                        .pause = pause},
                                       has_sink ? "received" : nullptr);
    if (has_sink)
        sample.sink = read_message<ReceivedNote>(end_sink("received"));
    const nic::FeatureTable features = lab_.features();
    if (const auto it = features.find("tx-scatter-gather"); it != features.end())
        sample.scatter_gather = it->second.active;
    const auto sent_after = nic::link_counters(lab_.sender_netns(), link.interface).tx_bytes;
    evidence.nic_tx_bytes = sent_after - std::min(sent_before, sent_after);
    if (const auto read = disk_read_bytes(source_.fd.get()); read && read_before)
        evidence.disk_read_bytes = *read - *read_before;
    std::optional<LedgerReading> reading;
    if (watch && watch->support())
        reading = watch->stop();
    sample.watched = reading.has_value();
    if (has_software_nic(*cell.method, plan_))
        evidence.software_nic = software_nic_evidence(sample.sink.report);
    if (has_pci_port(*cell.method, plan_))
        evidence.userspace_nic = userspace_nic(job, sample.worker);
    evidence.worker = &sample.worker;
    evidence.reading = reading ? &*reading : nullptr;
    sample.ledger = ledger_figures(evidence);
}

core::DataplaneJob TransferRunner::dataplane_job(const Cell& cell) const
{
    core::DataplaneJob job = plan_.dataplane;
    job.source = cell.source;
    const std::uint64_t stream_bytes =
        cell.source == core::PayloadSource::kMemory ? kMemoryStreamBytes : source_.range.length;
    job.num_queues = cell.method->has_queues
                         ? dataplane::num_queues_for({.offset = 0, .length = stream_bytes},
                                                     plan_.dataplane.num_queues)
                         : 1;
    if (job.num_queues > 1)
        job.cpus = lab_.worker_cpus();
    if (cell.method->uses_xdp) {
        std::string why; // a file without direct I/O: the engine will say so
        const auto alignment = core::direct_io_alignment(source_.fd.get(), why);
        const auto& link = lab_.link();
        return dataplane::settle_xdp_job(
            job, {.device = nic::probe_xdp_device(lab_.sender_netns(), link.interface),
                  .interface = link.interface,
                  .mtu = link.mtu,
                  .direct_io_bytes = alignment ? std::max(alignment->offset, alignment->memory) : 1,
                  .kernel_has_segments = dataplane::kernel_has_xdp_segments()});
    }
    if (job.layout == core::PacketLayout::kAuto)
        job.layout = core::PacketLayout::kSegments;
    // What a driver in the worker copies can only be ruled out (copies_by_protection()); it costs
    // time, which has no meaning here.
    if (lab_.link().virtual_hardware && has_pci_port(*cell.method, plan_) &&
        job.layout == core::PacketLayout::kSegments && job.fault.empty())
        job.protect_payload = true;
    return job;
}

core::ByteRange TransferRunner::memory_range(const core::DataplaneJob& job) const
{
    const std::uint64_t lap =
        dataplane::PacketMemoryLayout::of(job, lab_.link().mtu).frames_bytes();
    return {.offset = 0, .length = std::max(kMemoryStreamBytes, lap * job.num_queues)};
}

const core::BlockDigests& TransferRunner::expected(const core::TransferJob& job)
{
    if (job.dataplane.source == core::PayloadSource::kDisk)
        return source_.digests;
    const MemoryStream stream{
        .lap_bytes =
            dataplane::PacketMemoryLayout::of(job.dataplane, lab_.link().mtu).frames_bytes(),
        .num_queues = job.dataplane.num_queues};
    if (memory_digests_.digests.empty() || memory_stream_ != stream) {
        const core::BlockDigests lap = core::digest_file(
            source_.fd.get(), {.offset = 0, .length = stream.lap_bytes}, source_.path);
        memory_digests_ = {};
        for (const core::TransferJob& part : dataplane::split_by_queue(job)) {
            const auto digests = core::repeat_digests(lap, stream.lap_bytes, part.range.length);
            memory_digests_.length += digests.length;
            memory_digests_.digests.insert(memory_digests_.digests.end(), digests.digests.begin(),
                                           digests.digests.end());
        }
        memory_stream_ = stream;
        sink_memory_.digests = nullptr; // the sink has another stream's
    }
    return memory_digests_;
}

void TransferRunner::set_conditions(const Cell& cell)
{
    lab_.apply_features(cell.features);
    if (const std::string change = source_.change(); !change.empty())
        throw core::TransferError(change);
    if (cell.source == core::PayloadSource::kMemory)
        return; // no page of the file is read
    switch (cell.cache) {
    case CacheState::kCold:
        flush_deferred_skbs(lab_.sender_netns());
        core::make_cold(source_.fd.get(), source_.range, source_.path);
        break;
    case CacheState::kHot:
        core::make_hot(source_.fd.get(), source_.range, source_.path);
        break;
    }
}

void TransferRunner::send_digests(const core::BlockDigests& digests)
{
    Channel& sink = lab_.sink();
    if (plan_.verify &&
        (sink_memory_.digests != &digests || sink_memory_.generation != lab_.sink_generation())) {
        sink.send(digests_message(digests));
        sink_memory_.digests = &digests;
        sink_memory_.generation = lab_.sink_generation();
    }
}

void TransferRunner::order_sink(const Cell& cell, core::TransferJob& job)
{
    Channel& sink = lab_.sink();
    send_digests(expected(job));
    sink.send(nlohmann::json(ReceiveRequest{.order = {.ipv4 = job.peer.ipv4,
                                                      .port = 0,
                                                      .length = job.range.length,
                                                      .flow = job.flow,
                                                      .num_flows = job.dataplane.num_queues,
                                                      .mtu = job.mtu,
                                                      .interface = lab_.link().peer_interface},
                                            .wire = cell.method->wire,
                                            .receiver = std::string(receiver_of(*cell.method)),
                                            .verify = plan_.verify}));
    const Message answer = await_sink("ready", kSinkReadyTime);
    const auto ready = read_message<ReadyNote>(answer);
    job.peer.port = ready.port;
    job.dataplane.vhost_path = ready.path;
}

std::string_view TransferRunner::receiver_of(const core::Method& method) const
{
    return has_software_nic(method, plan_) ? method.software_nic
                                           : receiver_name(plan_.sink, method.wire);
}

TransferNote TransferRunner::run_worker_process(const Cell& cell, const TransferRequest& request,
                                                const char* sink_answer)
{
    ChildProcess worker(
        {.command = "worker", .netns = &lab_.sender_netns(), .cpu = lab_.worker_cpus().front()});
    TransferNote note;
    try {
        worker.channel().send(nlohmann::json(request));
        auto deadline = std::chrono::steady_clock::now() + plan_.time_limit + kWorkerGrace;
        for (;;) {
            if (const auto message = worker.channel().receive(kSlice)) {
                if (message->type() == "paused") {
                    pause_(cell, worker.pid(), request.job.interface);
                    worker.channel().send(nlohmann::json{{"type", "go"}});
                    deadline = std::chrono::steady_clock::now() + plan_.time_limit + kWorkerGrace;
                    continue;
                }
                note = read_message<TransferNote>(*message);
                break;
            }
            if (interrupted_.load()) {
                worker.terminate();
                worker.wait_end(kWorkerGrace);
                if (sink_answer != nullptr)
                    (void)end_sink(sink_answer);
                throw Interrupted();
            }
            if (std::chrono::steady_clock::now() > deadline) {
                note.error =
                    fmt::format("the worker did not end at its time limit of {} s and was killed",
                                plan_.time_limit.count());
                return note;
            }
        }
    } catch (const ChannelClosed&) {
        const std::string how = worker.wait_end(kWorkerGrace);
        note.error = fmt::format("the worker {}", how.empty() ? "ended without a word" : how);
        return note;
    }
    worker.wait_end(kWorkerGrace);
    return note;
}

Message TransferRunner::end_sink(const char* answer)
{
    lab_.sink().send(nlohmann::json{{"type", "stop"}});
    return await_sink(answer, kSinkReportTime);
}

Message TransferRunner::await_sink(const char* type, std::chrono::milliseconds longest)
{
    const auto deadline = std::chrono::steady_clock::now() + longest;
    while (std::chrono::steady_clock::now() < deadline) {
        auto message = lab_.sink().receive(kSlice);
        if (!message)
            continue;
        if (message->type() == type)
            return std::move(*message);
        if (message->type() == "received") // instead of "ready": it could not even listen
            throw core::TransferError(
                fmt::format("sink: {}", read_message<ReceivedNote>(*message).error));
        if (message->type() == "asked")
            throw core::TransferError(
                fmt::format("sink: {}", read_message<AskedNote>(*message).error));
        throw core::TransferError(
            fmt::format("the sink answered '{}' where '{}' was due", message->type(), type));
    }
    // Out of step with us: better a new one.
    lab_.sink_lost();
    throw core::TransferError(fmt::format("the sink did not answer within {} s",
                                          std::chrono::duration<double>(longest).count()));
}

void TransferRunner::judge(const Cell& cell, Sample& sample) const
{
    const auto& figures = sample.worker.figures;
    const auto moving_ns =
        static_cast<std::uint64_t>(figures.elapsed_ns - sample.worker.report.quiet.count());
    if (!sample.worker.error.empty()) {
        sample.error = sample.worker.error;
        return;
    }
    if (cell.method->wire == core::Wire::kNone) {
        sample.goodput_gbps = core::gigabits_per_second(sample.worker.report.bytes_sent, moving_ns);
        return;
    }
    if (!sample.sink.error.empty()) {
        sample.error = fmt::format("sink: {}", sample.sink.error);
        return;
    }
    sample.goodput_gbps = core::gigabits_per_second(
        plan_.verify ? sample.sink.bytes_good : sample.sink.report.bytes_received, moving_ns);
    const core::BlockCounts& blocks = sample.sink.blocks;
    const bool open_loop =
        plan_.dataplane.rate.is_limited() && cell.method->wire == core::Wire::kUdp;
    const auto lost = sample.sink.report.counters.find("datagrams_lost");
    const std::uint64_t num_lost = lost == sample.sink.report.counters.end() ? 0 : lost->second;
    sample.remark = arrival_remark(sample.sink.report, plan_.verify);
    const auto refused = sample.sink.report.counters.find("udp_in_csum_errors");
    if (refused != sample.sink.report.counters.end() && refused->second > 0 &&
        plan_.dataplane.checksum == core::ChecksumMode::kOffload) {
        sample.error = fmt::format(
            "the receiving kernel refused {} datagrams for their UDP checksum: the device does not "
            "make it as asked (use the checksum mode 'none' or 'sidecar')",
            refused->second);
    } else if (blocks.bad > 0) {
        sample.error = fmt::format("{} corrupt blocks of 4 KiB at the sink, the first is block {}",
                                   blocks.bad, sample.sink.first_bad_block);
    } else if (sample.sink.bytes_foreign > 0) {
        sample.error = fmt::format("{} bytes at the sink do not belong to the range",
                                   sample.sink.bytes_foreign);
    } else if (blocks.missing > 0 && !open_loop) {
        sample.error = fmt::format("{} blocks of 4 KiB never reached the sink", blocks.missing);
    } else if (num_lost > 0 && !open_loop) {
        sample.error = fmt::format("{} datagrams never reached the sink", num_lost);
    } else if (num_lost > 0) {
        sample.remark +=
            fmt::format("{}open loop: {} blocks lost in {} datagrams; goodput counts what arrived",
                        sample.remark.empty() ? "" : "; ", blocks.missing, num_lost);
    }
    if (!sample.error.empty())
        return;
    // O_DIRECT that the file system quietly turned into buffered reads brings pages into the cache.
    if (const auto& inserted = sample.ledger.cache_insertions_per_mib.value;
        cell.method->needs_direct_io && inserted && *inserted > 0) {
        sample.error = fmt::format("{:.2f} folios a MiB entered the page cache: the file system "
                                   "did not read directly",
                                   *inserted);
        return;
    }
    if (cell.method->needs_direct_io && cell.source == core::PayloadSource::kDisk &&
        cell.cache == CacheState::kCold) {
        const auto residency = core::cache_residency(source_.fd.get(), source_.range, source_.path);
        if (residency.num_cached > 0) {
            sample.error = fmt::format(
                "{} pages entered the page cache: the file system did not read directly",
                residency.num_cached);
        }
    }
}

} // namespace pagewire::testbed
