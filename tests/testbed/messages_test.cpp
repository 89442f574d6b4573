// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/messages.hpp"

#include "tests/testbed/sample_messages.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace pagewire::testbed {
namespace {

/// As it goes: encoded, decoded, read.
template<typename T>
T transported(const T& value)
{
    const auto octets = encode_message({.body = value, .octets = {}});
    return read_message<T>(decode_message(octets).value().first);
}

TEST(Messages, ReceiveRequestGoesAndComes)
{
    const ReceiveRequest sent = sample<ReceiveRequest>();
    const ReceiveRequest got = transported(sent);
    EXPECT_EQ(got.order.ipv4, sent.order.ipv4);
    EXPECT_EQ(got.order.port, sent.order.port);
    EXPECT_EQ(got.order.length, sent.order.length);
    EXPECT_EQ(got.order.flow, sent.order.flow);
    EXPECT_EQ(got.order.mtu, sent.order.mtu);
    EXPECT_EQ(got.order.interface, sent.order.interface);
    EXPECT_EQ(got.wire, sent.wire);
    EXPECT_EQ(got.receiver, sent.receiver);
    EXPECT_EQ(got.verify, sent.verify);
    for (const core::Wire wire : {core::Wire::kTcp, core::Wire::kUdp, core::Wire::kNone})
        EXPECT_EQ(
            transported(ReceiveRequest{.order = {}, .wire = wire, .receiver = {}, .verify = true})
                .wire,
            wire);
}

TEST(Messages, ReadyNoteGoesAndComes)
{
    EXPECT_EQ(transported(sample<ReadyNote>()).port, sample<ReadyNote>().port);
}

TEST(Messages, ReceivedNoteGoesAndComes)
{
    const ReceivedNote sent = sample<ReceivedNote>();
    const ReceivedNote got = transported(sent);
    EXPECT_EQ(got.report.bytes_received, sent.report.bytes_received);
    EXPECT_EQ(got.report.complete, sent.report.complete);
    EXPECT_EQ(got.report.counters, sent.report.counters);
    EXPECT_EQ(got.report.facts, sent.report.facts);
    EXPECT_EQ(got.blocks.good, sent.blocks.good);
    EXPECT_EQ(got.blocks.bad, sent.blocks.bad);
    EXPECT_EQ(got.blocks.missing, sent.blocks.missing);
    EXPECT_EQ(got.bytes_good, sent.bytes_good);
    EXPECT_EQ(got.bytes_duplicate, sent.bytes_duplicate);
    EXPECT_EQ(got.bytes_foreign, sent.bytes_foreign);
    EXPECT_EQ(got.first_bad_block, sent.first_bad_block);
    EXPECT_EQ(transported(ReceivedNote{}).first_bad_block, -1);
    EXPECT_EQ(got.verified, sent.verified);
    EXPECT_EQ(got.cpu_user_s, sent.cpu_user_s);
    EXPECT_EQ(got.cpu_system_s, sent.cpu_system_s);
    EXPECT_EQ(got.error, sent.error);
}

TEST(Messages, AskRequestGoesAndComes)
{
    const AskRequest sent = sample<AskRequest>();
    const AskRequest got = transported(sent);
    EXPECT_EQ(got.ipv4, sent.ipv4);
    EXPECT_EQ(got.file_offset, sent.file_offset);
    EXPECT_EQ(got.length, sent.length);
    EXPECT_EQ(got.request_bytes, sent.request_bytes);
    EXPECT_EQ(got.outstanding, sent.outstanding);
    EXPECT_EQ(got.num_warmups, sent.num_warmups);
    EXPECT_EQ(got.num_requests, sent.num_requests);
    EXPECT_EQ(got.each_range_once, sent.each_range_once);
    EXPECT_EQ(got.seed, sent.seed);
    EXPECT_EQ(got.verify, sent.verify);
}

TEST(Messages, AskedNoteGoesAndComes)
{
    const AskedNote sent = sample<AskedNote>();
    const AskedNote got = transported(sent);
    EXPECT_EQ(got.num_answered, sent.num_answered);
    EXPECT_EQ(got.elapsed_ns, sent.elapsed_ns);
    EXPECT_EQ(got.histogram, sent.histogram);
    EXPECT_EQ(got.latency_ns_min, sent.latency_ns_min);
    EXPECT_EQ(got.latency_ns_max, sent.latency_ns_max);
    EXPECT_EQ(got.verified, sent.verified);
    EXPECT_EQ(got.blocks_good, sent.blocks_good);
    EXPECT_EQ(got.blocks_bad, sent.blocks_bad);
    EXPECT_EQ(got.first_bad_block, sent.first_bad_block);
    EXPECT_EQ(got.tcp_nodelay, sent.tcp_nodelay);
    EXPECT_EQ(got.error, sent.error);
}

TEST(Messages, TransferRequestGoesAndComes)
{
    const TransferRequest sent = sample<TransferRequest>();
    const TransferRequest got = transported(sent);
    EXPECT_EQ(got.method, sent.method);
    EXPECT_EQ(got.time_limit, sent.time_limit);
    EXPECT_EQ(got.ledger_token, sent.ledger_token);
    EXPECT_EQ(got.pause, sent.pause);
    EXPECT_EQ(got.answer, sent.answer);
    EXPECT_EQ(got.job.path, sent.job.path);
    EXPECT_EQ(got.job.range, sent.job.range);
    EXPECT_EQ(got.job.chunk_bytes, sent.job.chunk_bytes);
    EXPECT_EQ(got.job.map_per_chunk, sent.job.map_per_chunk);
    EXPECT_EQ(got.job.interface, sent.job.interface);
    EXPECT_EQ(got.job.mtu, sent.job.mtu);
    EXPECT_EQ(got.job.flow, sent.job.flow);
    for (const auto end : {&core::TransferJob::local, &core::TransferJob::peer}) {
        EXPECT_EQ((got.job.*end).ipv4, (sent.job.*end).ipv4);
        EXPECT_EQ((got.job.*end).port, (sent.job.*end).port);
        EXPECT_EQ((got.job.*end).mac, (sent.job.*end).mac);
    }
    EXPECT_EQ(got.job.dataplane.queue, sent.job.dataplane.queue);
    EXPECT_EQ(got.job.dataplane.umem_bytes, sent.job.dataplane.umem_bytes);
    EXPECT_EQ(got.job.dataplane.frame_bytes, sent.job.dataplane.frame_bytes);
    EXPECT_EQ(got.job.dataplane.disk_depth, sent.job.dataplane.disk_depth);
    EXPECT_EQ(got.job.dataplane.ring_entries, sent.job.dataplane.ring_entries);
    EXPECT_EQ(got.job.dataplane.source, sent.job.dataplane.source);
    EXPECT_EQ(got.job.dataplane.layout, sent.job.dataplane.layout);
    EXPECT_EQ(got.job.dataplane.checksum, sent.job.dataplane.checksum);
    EXPECT_EQ(got.job.dataplane.bind, sent.job.dataplane.bind);
    EXPECT_EQ(got.job.dataplane.segments_max, sent.job.dataplane.segments_max);
    EXPECT_EQ(got.job.dataplane.protect_payload, sent.job.dataplane.protect_payload);
    EXPECT_EQ(got.job.dataplane.busy_poll_us, sent.job.dataplane.busy_poll_us);
    EXPECT_EQ(got.job.dataplane.rate, sent.job.dataplane.rate);
    EXPECT_EQ(got.job.dataplane.fault, sent.job.dataplane.fault);
}

TEST(Messages, TransferNoteGoesAndComes)
{
    const TransferNote sent = sample<TransferNote>();
    const TransferNote got = transported(sent);
    EXPECT_EQ(got.report.bytes_sent, sent.report.bytes_sent);
    EXPECT_EQ(got.report.num_turns, sent.report.num_turns);
    EXPECT_EQ(got.report.zero_copy_requested, sent.report.zero_copy_requested);
    EXPECT_EQ(got.report.zero_copy_kernel_reported, sent.report.zero_copy_kernel_reported);
    EXPECT_EQ(got.report.quiet, sent.report.quiet);
    EXPECT_EQ(got.report.counters, sent.report.counters);
    EXPECT_EQ(got.report.facts, sent.report.facts);
    EXPECT_EQ(got.figures.elapsed_ns, sent.figures.elapsed_ns);
    EXPECT_EQ(got.figures.cpu_user_s, sent.figures.cpu_user_s);
    EXPECT_EQ(got.figures.cpu_system_s, sent.figures.cpu_system_s);
    EXPECT_EQ(got.figures.system.busy_s, sent.figures.system.busy_s);
    EXPECT_EQ(got.figures.system.user_s, sent.figures.system.user_s);
    EXPECT_EQ(got.figures.system.system_s, sent.figures.system.system_s);
    EXPECT_EQ(got.figures.system.softirq_s, sent.figures.system.softirq_s);
    EXPECT_EQ(got.figures.page_faults_minor, sent.figures.page_faults_minor);
    EXPECT_EQ(got.figures.page_faults_major, sent.figures.page_faults_major);
    EXPECT_EQ(got.figures.context_switches_voluntary, sent.figures.context_switches_voluntary);
    EXPECT_EQ(got.figures.context_switches_involuntary, sent.figures.context_switches_involuntary);
    EXPECT_EQ(got.figures.disk_read_bytes, sent.figures.disk_read_bytes);
    EXPECT_EQ(got.figures.has_disk_read_bytes, sent.figures.has_disk_read_bytes);
    EXPECT_EQ(got.figures.pmu, sent.figures.pmu);
    EXPECT_EQ(got.figures.pmu_unavailable, sent.figures.pmu_unavailable);
    EXPECT_EQ(got.error, sent.error);
}

TEST(Messages, DigestsGoAndCome)
{
    const core::BlockDigests digests{.length = 8193,
                                     .digests = {1, std::numeric_limits<std::uint64_t>::max(), 3}};
    const Message message = decode_message(encode_message(digests_message(digests))).value().first;
    EXPECT_EQ(message.type(), "digests");
    EXPECT_EQ(read_digests(message), digests);
}

} // namespace
} // namespace pagewire::testbed
