// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/messages.hpp"

#include <chrono>
#include <cstdint>
#include <limits>

namespace pagewire::testbed {

/// A message of which every value differs from its default, and from its neighbours.
template<typename T>
T sample();

template<>
inline ReadyNote sample()
{
    return {.port = 9400, .path = "/proc/1/fd/9/vhost.sock"};
}

template<>
inline ReceiveRequest sample()
{
    return {.order = {.ipv4 = 0x0A000001,
                      .port = 65535,
                      .length = std::uint64_t{1} << 50,
                      .flow = 0xFFFFFFFF,
                      .num_flows = 3,
                      .mtu = 9000,
                      .interface = "eth1"},
            .wire = core::Wire::kUdp,
            .receiver = "af_xdp",
            .verify = false};
}

template<>
inline ReceivedNote sample()
{
    return {.report = {.bytes_received = std::numeric_limits<std::uint64_t>::max(),
                       .complete = true,
                       .counters = {{"datagrams", 12}, {"lost", 3}},
                       .facts = {{"sink_xdp_mode", "drv"}}},
            .blocks = {.good = 1, .bad = 2, .missing = 3},
            .bytes_good = 4,
            .bytes_duplicate = 5,
            .bytes_foreign = 6,
            .first_bad_block = 7,
            .verified = true,
            .cpu_user_s = 0.1,
            .cpu_system_s = 1e-9,
            .error = "recv: Connection \"reset\"\nby peer"};
}

template<>
inline AskRequest sample()
{
    return {.ipv4 = 0x0A000001,
            .file_offset = 4097,
            .length = std::uint64_t{1} << 50,
            .request_bytes = 65'536,
            .outstanding = 8,
            .num_warmups = 32,
            .num_requests = 1000,
            .each_range_once = true,
            .seed = 0xFEDCBA9876543210,
            .verify = false};
}

template<>
inline AskedNote sample()
{
    return {.num_answered = 1016,
            .elapsed_ns = 5'000'000'000,
            .histogram = {{3, 4}, {7423, 5}},
            .latency_ns_min = 3,
            .latency_ns_max = std::numeric_limits<std::uint64_t>::max(),
            .verified = true,
            .blocks_good = 6,
            .blocks_bad = 7,
            .first_bad_block = 8,
            .tcp_nodelay = true,
            .error = "the worker closed the connection"};
}

template<>
inline TransferRequest sample()
{
    TransferRequest request{.method = "af_xdp",
                            .job = {},
                            .time_limit = std::chrono::milliseconds(60'001),
                            .ledger_token = 0xFEDCBA9876543210,
                            .pause = true,
                            .answer = true};
    core::TransferJob& job = request.job;
    job.path = "/a folder/fi\"le";
    job.range = {.offset = 4097, .length = 123'456'789'012};
    job.chunk_bytes = 65'536;
    job.map_per_chunk = true;
    job.interface = "eth0";
    job.mtu = 9001;
    job.dataplane.layout = core::PacketLayout::kHeadroom;
    job.dataplane.checksum = core::ChecksumMode::kSidecar;
    job.dataplane.bind = core::BindMode::kZerocopy;
    job.dataplane.segments_max = 8;
    job.dataplane.protect_payload = true;
    job.dataplane.busy_poll_us = 20;
    job.local = {.ipv4 = 0x0100000A, .port = 40'000, .mac = {1, 2, 3, 4, 5, 6}};
    job.peer = {.ipv4 = 0x0200000A, .port = 9400, .mac = {255, 254, 253, 252, 251, 250}};
    job.flow = 77;
    job.stream_offset = 987'654'321;
    job.dataplane = {.queue = 3,
                     .num_queues = 5,
                     .cpus = {7, 2},
                     .umem_bytes = std::uint64_t{1} << 33,
                     .frame_bytes = 262'144,
                     .disk_depth = 17,
                     .ring_entries = 2048,
                     .source = core::PayloadSource::kMemory,
                     .rate = {.gbps = 12.5, .packets_per_s = 3.5},
                     .fault = "flip@7",
                     .dpdk_port = "net_ring0",
                     .vhost_path = "/proc/2/fd/8/vhost.sock"};
    return request;
}

template<>
inline TransferNote sample()
{
    TransferNote note;
    note.report.bytes_sent = 1;
    note.report.num_turns = 2;
    note.report.zero_copy_requested = "requested";
    note.report.zero_copy_kernel_reported = "reported";
    note.report.quiet = std::chrono::nanoseconds(3'000'000'001);
    note.report.counters = {{"packets", 4}};
    note.report.facts = {{"layout", "header + page slices"}, {"memory", "4 KiB pages"}};
    note.report.queues = {{.queue = 4,
                           .cpu = 1,
                           .bytes_sent = 2,
                           .packets = 3,
                           .elapsed = std::chrono::nanoseconds(5)},
                          {.queue = 5,
                           .cpu = -1,
                           .bytes_sent = 6,
                           .packets = 7,
                           .elapsed = std::chrono::nanoseconds(8)}};
    note.figures = {.elapsed_ns = 5'000'000'000,
                    .cpu_user_s = 0.25,
                    .cpu_system_s = 0.3,
                    .system = {.busy_s = 1.5, .user_s = 0.5, .system_s = 0.875, .softirq_s = 0.125},
                    .page_faults_minor = 6,
                    .page_faults_major = 7,
                    .context_switches_voluntary = 8,
                    .context_switches_involuntary = 9,
                    .disk_read_bytes = 10,
                    .has_disk_read_bytes = true,
                    .pmu = {{"cycles", 11}},
                    .pmu_unavailable = "no PMU"};
    note.error = "the file changed";
    return note;
}

} // namespace pagewire::testbed
