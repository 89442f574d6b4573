// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/messages.hpp"

#include "testbed/json_fields.hpp"

namespace pagewire::testbed {

template<>
struct EnumNames<core::Wire> {
    static constexpr std::array<std::pair<std::string_view, core::Wire>, 3> kAll{
        {{"tcp", core::Wire::kTcp}, {"udp", core::Wire::kUdp}, {"none", core::Wire::kNone}}};
};

template<>
struct EnumNames<core::PacketLayout> {
    static constexpr auto kAll = core::kPacketLayoutNames;
};

template<>
struct EnumNames<core::ChecksumMode> {
    static constexpr auto kAll = core::kChecksumModeNames;
};

template<>
struct EnumNames<core::BindMode> {
    static constexpr auto kAll = core::kBindModeNames;
};

template<>
struct EnumNames<core::PayloadSource> {
    static constexpr std::array<std::pair<std::string_view, core::PayloadSource>, 2> kAll{
        {{"disk", core::PayloadSource::kDisk}, {"memory", core::PayloadSource::kMemory}}};
};

// Found from json_fields.hpp by the namespace of their first argument.

template<typename Io>
void describe(Io& io, core::ByteRange& v)
{
    io("offset", v.offset);
    io("length", v.length);
}

template<typename Io>
void describe(Io& io, core::LinkEnd& v)
{
    io("ipv4", v.ipv4);
    io("port", v.port);
    io("mac", v.mac);
}

template<typename Io>
void describe(Io& io, core::Rate& v)
{
    io("gbps", v.gbps);
    io("packets_per_s", v.packets_per_s);
}

template<typename Io>
void describe(Io& io, core::DataplaneJob& v)
{
    io("queue", v.queue);
    io("num_queues", v.num_queues);
    io("cpus", v.cpus);
    io("umem_bytes", v.umem_bytes);
    io("frame_bytes", v.frame_bytes);
    io("disk_depth", v.disk_depth);
    io("ring_entries", v.ring_entries);
    io("source", v.source);
    io("layout", v.layout);
    io("checksum", v.checksum);
    io("bind", v.bind);
    io("segments_max", v.segments_max);
    io("numa_node", v.numa_node);
    io("protect_payload", v.protect_payload);
    io("busy_poll_us", v.busy_poll_us);
    io("rate", v.rate);
    io("fault", v.fault);
    io("dpdk_port", v.dpdk_port);
    io("vhost_path", v.vhost_path);
}

template<typename Io>
void describe(Io& io, core::TransferJob& v)
{
    io("path", v.path);
    io("range", v.range);
    io("chunk_bytes", v.chunk_bytes);
    io("map_per_chunk", v.map_per_chunk);
    io("interface", v.interface);
    io("mtu", v.mtu);
    io("local", v.local);
    io("peer", v.peer);
    io("flow", v.flow);
    io("stream_offset", v.stream_offset);
    io("dataplane", v.dataplane);
}

template<typename Io>
void describe(Io& io, core::QueueReport& v)
{
    io("queue", v.queue);
    io("cpu", v.cpu);
    io("bytes_sent", v.bytes_sent);
    io("packets", v.packets);
    io("elapsed_ns", v.elapsed);
}

template<typename Io>
void describe(Io& io, core::TransferReport& v)
{
    io("bytes_sent", v.bytes_sent);
    io("num_turns", v.num_turns);
    io("zero_copy_requested", v.zero_copy_requested);
    io("zero_copy_kernel_reported", v.zero_copy_kernel_reported);
    io("quiet_ns", v.quiet);
    io("counters", v.counters);
    io("facts", v.facts);
    io("queues", v.queues);
}

template<typename Io>
void describe(Io& io, core::ReceiveOrder& v)
{
    io("ipv4", v.ipv4);
    io("port", v.port);
    io("length", v.length);
    io("flow", v.flow);
    io("num_flows", v.num_flows);
    io("mtu", v.mtu);
    io("interface", v.interface);
}

template<typename Io>
void describe(Io& io, core::ReceiveReport& v)
{
    io("bytes_received", v.bytes_received);
    io("complete", v.complete);
    io("counters", v.counters);
    io("facts", v.facts);
}

template<typename Io>
void describe(Io& io, core::BlockCounts& v)
{
    io("good", v.good);
    io("bad", v.bad);
    io("missing", v.missing);
}

template<typename Io>
void describe(Io& io, ReceiveRequest& v)
{
    io("order", v.order);
    io("wire", v.wire);
    io("receiver", v.receiver);
    io("verify", v.verify);
}

template<typename Io>
void describe(Io& io, ReadyNote& v)
{
    io("port", v.port);
    io("path", v.path);
}

template<typename Io>
void describe(Io& io, ReceivedNote& v)
{
    io("report", v.report);
    io("blocks", v.blocks);
    io("bytes_good", v.bytes_good);
    io("bytes_duplicate", v.bytes_duplicate);
    io("bytes_foreign", v.bytes_foreign);
    io("first_bad_block", v.first_bad_block);
    io("verified", v.verified);
    io("cpu_user_s", v.cpu_user_s);
    io("cpu_system_s", v.cpu_system_s);
    io("error", v.error);
}

template<typename Io>
void describe(Io& io, AskRequest& v)
{
    io("ipv4", v.ipv4);
    io("file_offset", v.file_offset);
    io("length", v.length);
    io("request_bytes", v.request_bytes);
    io("outstanding", v.outstanding);
    io("num_warmups", v.num_warmups);
    io("num_requests", v.num_requests);
    io("each_range_once", v.each_range_once);
    io("seed", v.seed);
    io("verify", v.verify);
}

template<typename Io>
void describe(Io& io, AskedNote& v)
{
    io("num_answered", v.num_answered);
    io("elapsed_ns", v.elapsed_ns);
    io("histogram", v.histogram);
    io("latency_ns_min", v.latency_ns_min);
    io("latency_ns_max", v.latency_ns_max);
    io("verified", v.verified);
    io("blocks_good", v.blocks_good);
    io("blocks_bad", v.blocks_bad);
    io("first_bad_block", v.first_bad_block);
    io("tcp_nodelay", v.tcp_nodelay);
    io("error", v.error);
}

template<typename Io>
void describe(Io& io, TransferRequest& v)
{
    io("method", v.method);
    io("job", v.job);
    io("time_limit_ms", v.time_limit);
    io("ledger_token", v.ledger_token);
    io("pause", v.pause);
    io("answer", v.answer);
}

template<typename Io>
void describe(Io& io, SystemCpu& v)
{
    io("busy_s", v.busy_s);
    io("user_s", v.user_s);
    io("system_s", v.system_s);
    io("softirq_s", v.softirq_s);
}

template<typename Io>
void describe(Io& io, WorkerFigures& v)
{
    io("elapsed_ns", v.elapsed_ns);
    io("cpu_user_s", v.cpu_user_s);
    io("cpu_system_s", v.cpu_system_s);
    io("system", v.system);
    io("page_faults_minor", v.page_faults_minor);
    io("page_faults_major", v.page_faults_major);
    io("context_switches_voluntary", v.context_switches_voluntary);
    io("context_switches_involuntary", v.context_switches_involuntary);
    io("disk_read_bytes", v.disk_read_bytes);
    io("has_disk_read_bytes", v.has_disk_read_bytes);
    io("pmu", v.pmu);
    io("pmu_unavailable", v.pmu_unavailable);
}

template<typename Io>
void describe(Io& io, TransferNote& v)
{
    io("report", v.report);
    io("figures", v.figures);
    io("error", v.error);
}

namespace {

template<typename T>
void write_message(nlohmann::json& j, const char* type, const T& v)
{
    j = FieldWriter::write(v);
    j["type"] = type;
    j["version"] = kProtocolVersion;
}

template<typename T>
void read_fields(const nlohmann::json& j, T& v)
{
    const auto version = j.find("version");
    if (version == j.end() || *version != kProtocolVersion) {
        throw core::UsageError(fmt::format(
            "it is of protocol version {}, this side speaks {}: run the same pagewire at "
            "both ends",
            version == j.end() ? "none" : version->dump(), kProtocolVersion));
    }
    FieldReader fields(j, "");
    describe(fields, v);
}

} // namespace

Message digests_message(const core::BlockDigests& digests)
{
    return {.body = {{"type", "digests"}, {"length", digests.length}},
            .octets = core::encode_digests(digests)};
}

core::BlockDigests read_digests(const Message& message)
{
    try {
        std::uint64_t length = 0;
        FieldReader fields(message.body, "");
        fields("length", length);
        return core::decode_digests(length, message.octets);
    } catch (const core::UsageError& error) {
        throw_malformed(message, error);
    }
}

void throw_malformed(const Message& message, const core::UsageError& error)
{
    throw core::UsageError(fmt::format("a control message of type '{}' is malformed: {}",
                                       message.type(), error.what()));
}

void to_json(nlohmann::json& j, const ReceiveRequest& v)
{
    write_message(j, "receive", v);
}

void from_json(const nlohmann::json& j, ReceiveRequest& v)
{
    read_fields(j, v);
}

void to_json(nlohmann::json& j, const ReadyNote& v)
{
    write_message(j, "ready", v);
}

void from_json(const nlohmann::json& j, ReadyNote& v)
{
    read_fields(j, v);
}

void to_json(nlohmann::json& j, const ReceivedNote& v)
{
    write_message(j, "received", v);
}

void from_json(const nlohmann::json& j, ReceivedNote& v)
{
    read_fields(j, v);
}

void to_json(nlohmann::json& j, const AskRequest& v)
{
    write_message(j, "ask", v);
}

void from_json(const nlohmann::json& j, AskRequest& v)
{
    read_fields(j, v);
}

void to_json(nlohmann::json& j, const AskedNote& v)
{
    write_message(j, "asked", v);
}

void from_json(const nlohmann::json& j, AskedNote& v)
{
    read_fields(j, v);
}

void to_json(nlohmann::json& j, const TransferRequest& v)
{
    write_message(j, "transfer", v);
}

void from_json(const nlohmann::json& j, TransferRequest& v)
{
    read_fields(j, v);
}

void to_json(nlohmann::json& j, const TransferNote& v)
{
    write_message(j, "done", v);
}

void from_json(const nlohmann::json& j, TransferNote& v)
{
    read_fields(j, v);
}

} // namespace pagewire::testbed
