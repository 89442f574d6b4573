// SPDX-License-Identifier: BSD-3-Clause
// TransferRunner's other kind of transfer: a worker that answers, and a sink that asks.
#include "core/error.hpp"
#include "testbed/transfer.hpp"

#include <fmt/format.h>

#include <chrono>

namespace pagewire::testbed {

namespace {

constexpr std::chrono::seconds kSinkReadyTime{10};

/// Why the burst is none; empty where it is one. Where an end fails, the other notices: both are
/// heard.
std::string judged(const Burst& burst)
{
    const AskedNote& client = burst.client;
    if (!burst.worker.error.empty() && !client.error.empty())
        return fmt::format("{}; client: {}", burst.worker.error, client.error);
    if (!burst.worker.error.empty())
        return burst.worker.error;
    if (!client.error.empty())
        return fmt::format("client: {}", client.error);
    if (client.blocks_bad > 0)
        return fmt::format("{} corrupt blocks of 4 KiB at the client, the first is block {}",
                           client.blocks_bad, client.first_bad_block);
    const auto& facts = burst.worker.report.facts;
    const auto no_delay = facts.find("tcp_nodelay");
    if (!client.tcp_nodelay || no_delay == facts.end() || no_delay->second != "on")
        return "TCP_NODELAY was not in effect at both ends";
    return {};
}

} // namespace

std::optional<Burst> TransferRunner::ask(const Cell& cell, AskRequest request)
{
    Burst burst;
    try {
        set_conditions(cell);
        const LabLink& link = lab_.link();
        request.ipv4 = link.peer.ipv4;
        request.file_offset = source_.range.offset;
        request.length = source_.range.length;
        request.verify = plan_.verify;
        core::TransferJob job{.path = source_.path,
                              .range = source_.range,
                              .chunk_bytes = plan_.chunk_bytes,
                              .map_per_chunk = cell.map_per_chunk,
                              .interface = link.interface,
                              .mtu = link.mtu,
                              .local = link.local,
                              .peer = link.peer,
                              .dataplane = {}};
        send_digests(source_.digests);
        lab_.sink().send(nlohmann::json(request));
        job.peer.port = read_message<ReadyNote>(await_sink("ready", kSinkReadyTime)).port;
        burst.worker = run_worker_process(cell,
                                          {.method = std::string(cell.method->name),
                                           .job = std::move(job),
                                           .time_limit = plan_.time_limit,
                                           .answer = true},
                                          "asked");
        burst.client = read_message<AskedNote>(end_sink("asked"));
        burst.error = judged(burst);
    } catch (const Interrupted&) {
        return std::nullopt;
    } catch (const std::exception&) {
        burst.error = failure();
    }
    // A file that changed explains every other failure.
    if (const std::string change = source_.change(); !change.empty())
        burst.error = fmt::format("the file changed during the run: {}", change);
    if (interrupted_.load())
        return std::nullopt;
    return burst;
}

} // namespace pagewire::testbed
