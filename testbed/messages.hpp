// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/block_digests.hpp"
#include "core/block_verifier.hpp"
#include "core/error.hpp"
#include "core/method.hpp"
#include "core/receiver.hpp"
#include "testbed/channel.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

/// What parent, worker and sink say to each other (docs/control.md).
///
///     parent                         sink          |   parent                        worker
///       | digests  ------------------->|           |     | transfer -------------------->|
///       | receive  ------------------->|           |     |                               |  sets
///       up, sends
///       |<------------------- ready    |           |     |<---------------------- done   |  or
///       failed |  ... the transfer ...        |           | | stop ----------------------->| |
///       Either side ends with its channel: a process that reads
///       |<------------------- received |           |   end-of-file on it exits.
///
/// The latency arm (docs/latency.md): `ask` for `receive`, `asked` for `received`, and a `transfer`
/// that says to answer requests.
///
/// from_json() functions throw nlohmann::json exceptions on a malformed message; callers turn them
/// into core::UsageError with read_message().
namespace pagewire::testbed {

/// In every message; two ends of different versions refuse each other's.
inline constexpr int kProtocolVersion = 3;

/// parent to sink: what the stream of a later `receive` must be. Kept until the next.
[[nodiscard]] Message digests_message(const core::BlockDigests& digests);
[[nodiscard]] core::BlockDigests read_digests(const Message& message);

/// parent to sink: receive one stream.
struct ReceiveRequest {
    core::ReceiveOrder order;
    core::Wire wire = core::Wire::kTcp;
    std::string receiver; ///< by name: "tcp", "udp", "af_xdp", "vhost"
    bool verify = true;
};

/// sink to parent: listening.
struct ReadyNote {
    std::uint16_t port = 0;
    std::string path; ///< a software NIC's socket; else empty
};

/// sink to parent: how the reception ended.
struct ReceivedNote {
    core::ReceiveReport report;
    core::BlockCounts blocks;
    std::uint64_t bytes_good = 0;
    std::uint64_t bytes_duplicate = 0;
    std::uint64_t bytes_foreign = 0;
    std::int64_t first_bad_block = -1;
    bool verified = false;
    double cpu_user_s = 0;
    double cpu_system_s = 0;
    std::string error; ///< empty, or why the sink could not receive
};

/// parent to sink: ask for ranges of the stream that `digests` are of, and take the time.
struct AskRequest {
    std::uint32_t ipv4 = 0;          ///< address to listen on, network byte order
    std::uint64_t file_offset = 0;   ///< of the stream's first byte
    std::uint64_t length = 0;        ///< of the stream
    std::uint64_t request_bytes = 0; ///< of each request, whole blocks
    std::uint32_t outstanding = 1;   ///< requests in flight
    std::uint32_t num_warmups = 0;   ///< first, of one range again and again; thrown away
    std::uint64_t num_requests = 0;  ///< whose time counts
    bool each_range_once = false;    ///< ends sooner rather than ask for a range again
    std::uint64_t seed = 0;          ///< of the ranges' order
    bool verify = true;
};

/// sink to parent: how that went.
struct AskedNote {
    std::uint64_t num_answered = 0; ///< within elapsed_ns; more than the histogram counts
    std::int64_t elapsed_ns = 0;    ///< in which requests were in flight, warm-ups not counted
    std::vector<std::array<std::uint64_t, 2>> histogram; ///< latency/histogram.hpp, nanoseconds
    std::uint64_t latency_ns_min = 0;
    std::uint64_t latency_ns_max = 0;
    bool verified = false;
    std::uint64_t blocks_good = 0; ///< warm-ups' included
    std::uint64_t blocks_bad = 0;
    std::int64_t first_bad_block = -1; ///< of the stream
    bool tcp_nodelay = false;          ///< as the kernel has it
    std::string error;                 ///< empty, or why there is no more
};

/// parent to worker: one transfer.
struct TransferRequest {
    std::string method;
    core::TransferJob job;
    std::chrono::milliseconds time_limit{};
    std::uint64_t ledger_token = 0; ///< of the worker's marks (ledger/mark.hpp)
    bool pause = false;             ///< when set up, say `paused` and wait for `go`
    bool answer = false;            ///< requests for parts of the range: Method::answer
};

/// Processor time of the whole machine between two moments, from /proc/stat.
struct SystemCpu {
    double busy_s = 0;    ///< user, nice, system, irq, softirq, steal
    double user_s = 0;    ///< of which in user space
    double system_s = 0;  ///< in system calls and kernel threads
    double softirq_s = 0; ///< in softirqs
};

/// What the worker measured of itself, between begin() and acknowledged().
struct WorkerFigures {
    std::int64_t elapsed_ns = 0;
    double cpu_user_s = 0;
    double cpu_system_s = 0;
    SystemCpu system;
    std::uint64_t page_faults_minor = 0;
    std::uint64_t page_faults_major = 0;
    std::uint64_t context_switches_voluntary = 0;
    std::uint64_t context_switches_involuntary = 0;
    std::uint64_t disk_read_bytes = 0;        ///< task I/O accounting, /proc/self/io
    bool has_disk_read_bytes = false;         ///< the kernel keeps it
    std::map<std::string, std::uint64_t> pmu; ///< hardware counters by name (perf_counters.hpp)
    std::string pmu_unavailable;              ///< why there are none
};

/// worker to parent.
struct TransferNote {
    core::TransferReport report;
    WorkerFigures figures;
    std::string error; ///< empty, or why the transfer failed
};

void to_json(nlohmann::json& j, const ReceiveRequest& v);
void from_json(const nlohmann::json& j, ReceiveRequest& v);
void to_json(nlohmann::json& j, const ReadyNote& v);
void from_json(const nlohmann::json& j, ReadyNote& v);
void to_json(nlohmann::json& j, const ReceivedNote& v);
void from_json(const nlohmann::json& j, ReceivedNote& v);
void to_json(nlohmann::json& j, const AskRequest& v);
void from_json(const nlohmann::json& j, AskRequest& v);
void to_json(nlohmann::json& j, const AskedNote& v);
void from_json(const nlohmann::json& j, AskedNote& v);
void to_json(nlohmann::json& j, const TransferRequest& v);
void from_json(const nlohmann::json& j, TransferRequest& v);
void to_json(nlohmann::json& j, const TransferNote& v);
void from_json(const nlohmann::json& j, TransferNote& v);

/// Says which message is malformed, and how. Throws core::UsageError.
[[noreturn]] void throw_malformed(const Message& message, const core::UsageError& error);

/// The message's body as a T, strictly. Throws core::UsageError where it is not one.
template<typename T>
[[nodiscard]] T read_message(const Message& message)
{
    try {
        return message.body.get<T>();
    } catch (const core::UsageError& error) {
        throw_malformed(message, error);
    }
}

} // namespace pagewire::testbed
