// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/block_digests.hpp"
#include "core/units.hpp"
#include "testbed/lab.hpp"
#include "testbed/result.hpp"
#include "testbed/source.hpp"

#include <sys/types.h>

#include <atomic>
#include <exception>
#include <functional>
#include <optional>

namespace pagewire::testbed {

/// The conditions of one transfer.
struct Cell {
    std::size_t setting = 0; ///< which of the plan's settings
    const core::Method* method = nullptr;
    CacheState cache = CacheState::kCold;
    std::string arm;
    nic::FeatureSettings features;
    bool map_per_chunk = false;
    core::PayloadSource source = core::PayloadSource::kDisk;
};

/// A burst of requests of the latency arm, answered by one worker.
struct Burst {
    TransferNote worker;
    AskedNote client;
    std::string error; ///< empty: every answer arrived right, and the conditions held
};

/// Called when a worker stands ready to begin and waits: comes back when it may. `worker` is its
/// process, `interface` what it sends from, in its network namespace.
using Pause = std::function<void(const Cell& cell, pid_t worker, const std::string& interface)>;

/// What all transfers of a lab have in common, whatever their setting: flows that are told apart,
/// and a sink that need not be told again what it knows.
struct SinkMemory {
    std::uint32_t next_flow = 0;
    const core::BlockDigests* digests = nullptr; ///< that the sink has; nullptr: none
    unsigned generation = 0;                     ///< of the sink that has them

    SinkMemory() = default;

    explicit SinkMemory(std::uint64_t seed)
        : next_flow(static_cast<std::uint32_t>(seed * 0x9E3779B9U))
    {}
};

/// Bytes that an engine sends from memory: long enough for a rate.
inline constexpr std::uint64_t kMemoryStreamBytes = 256 * core::kMiB;

/// Runs single transfers in a lab: sets the conditions and checks that they hold, starts a worker,
/// asks the sink.
class TransferRunner {
  public:
    /// All outlive the runner. `interrupted` ends a transfer early. `pause` may be empty.
    TransferRunner(const Plan& setting, Lab& lab, SinkMemory& sink_memory, const Source& source,
                   Ledger& ledger, const std::atomic<bool>& interrupted, Pause pause = {});

    /// Whatever goes wrong with the transfer is in Sample::error; nothing when interrupted. Throws
    /// only when the lab itself is lost.
    [[nodiscard]] std::optional<Sample> run(const Cell& cell, unsigned round, bool watched);

    /// A burst of requests that a worker of the cell's method answers, Method::answer. The request
    /// says what is asked for; where in the file, and over which link, is filled in. Failures and
    /// interruption as run()'s. Defined in latency/burst.cpp.
    [[nodiscard]] std::optional<Burst> ask(const Cell& cell, AskRequest request);

  private:
    /// The exception that is being handled, as a row's error; the sink is replaced where it may be
    /// out of step. Throws on what fails the run.
    [[nodiscard]] std::string failure() const;
    /// What the plan asks of an engine, and what the device decides.
    [[nodiscard]] core::DataplaneJob dataplane_job(const Cell& cell) const;
    /// What the stream of a job must be at the sink.
    [[nodiscard]] const core::BlockDigests& expected(const core::TransferJob& job);
    [[nodiscard]] core::ByteRange memory_range(const core::DataplaneJob& job) const;
    void set_conditions(const Cell& cell);
    [[nodiscard]] std::string_view receiver_of(const core::Method& method) const;
    void order_sink(const Cell& cell, core::TransferJob& job);
    void send_digests(const core::BlockDigests& digests);
    /// From the worker's start to the sink's word, watched or not.
    void transfer(const Cell& cell, const core::TransferJob& job, Sample& sample);
    /// `sink_answer`: how the sink answers a `stop`, where the worker is interrupted; null: no sink
    /// was asked for anything.
    [[nodiscard]] TransferNote run_worker_process(const Cell& cell, const TransferRequest& request,
                                                  const char* sink_answer);
    /// Tells the sink to end, and waits for its last word.
    [[nodiscard]] Message end_sink(const char* answer);
    [[nodiscard]] Message await_sink(const char* type, std::chrono::milliseconds longest);
    void judge(const Cell& cell, Sample& sample) const;

    /// What a stream from memory looks like at the sink: each queue sends the file's first
    /// `lap_bytes` round and round.
    struct MemoryStream {
        std::uint64_t lap_bytes = 0;
        std::uint32_t num_queues = 0;

        bool operator==(const MemoryStream&) const = default;
    };

    /// Ctrl-C: no failure of anything.
    class Interrupted : public std::exception {};

    const Plan& plan_;
    Lab& lab_;
    SinkMemory& sink_memory_;
    const Source& source_;
    Ledger& ledger_;
    const std::atomic<bool>& interrupted_;
    Pause pause_;
    core::BlockDigests memory_digests_; // of the from-memory stream; empty until wanted
    MemoryStream memory_stream_;
};

} // namespace pagewire::testbed
