// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "nic/features.hpp"
#include "testbed/doctor/doctor.hpp"
#include "testbed/latency/latency_row.hpp"
#include "testbed/ledger/figures.hpp"
#include "testbed/matrix.hpp"
#include "testbed/messages.hpp"
#include "testbed/plan.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pagewire::testbed {

/// One transfer.
struct Sample {
    unsigned round = 0;
    std::string error;  ///< empty: every byte arrived right, and the conditions held
    std::string remark; ///< what a reader must know of a sample that is good all the same
    double goodput_gbps = 0;
    TransferNote worker;
    ReceivedNote sink;
    bool watched = false; ///< the ledger's programs were attached
    LedgerFigures ledger;
    std::optional<bool> scatter_gather; ///< of the sending device, active
};

/// One method under one set of conditions: what a line of the table is.
struct Row {
    const core::Method* method = nullptr;
    CacheState cache = CacheState::kCold;
    std::string arm; ///< empty: arms do not apply to this method
    Conditions conditions;
    nic::FeatureSettings features; ///< those that the cell asked for, all verified active
    bool map_per_chunk = false;
    bool from_memory = false; ///< payload from memory, not from the disk
    bool sparse = false;      ///< the file has holes
    bool timed_apart = false; ///< goodput is that of unwatched samples, and of these only
    std::string skipped;      ///< not empty: never run, and why
    std::vector<Sample> samples;

    /// "ok", "failed" (one sample or more) or "skipped".
    [[nodiscard]] std::string status() const;

    /// Of the first failed sample, or why it was skipped, or a remark.
    [[nodiscard]] std::string reason() const;

    /// Goodputs of the good samples, in the order of rounds: of those that the ledger did not
    /// watch, where there are any.
    [[nodiscard]] std::vector<double> goodputs() const;

    /// The good samples that the clock's figures are of.
    [[nodiscard]] std::vector<const Sample*> timed() const;
};

/// A median rate that an engine reached where one limit alone was left.
struct MeasuredCeiling {
    std::string engine;
    bool is_disk = false; ///< O_DIRECT reads of the file into packet memory; else an engine's wire:
                          ///< the same pipeline from memory
    Conditions conditions;
    double gbps = 0;
};

/// Rates that nothing on this machine exceeded in the same minutes; nothing where not measured.
struct Ceilings {
    std::vector<MeasuredCeiling> measured;
    std::optional<double> memcpy_gbps;

    /// Of files of that size.
    [[nodiscard]] std::optional<double> disk_gbps(const Conditions& conditions) const;
    /// Of that engine with these queues over that MTU.
    [[nodiscard]] std::optional<double> wire_gbps(std::string_view engine,
                                                  const Conditions& conditions) const;
};

/// A file that was sent.
struct FileFacts {
    std::string path;
    core::ByteRange range;
    std::string file_system;
    std::uint64_t digest_summary = 0;
};

struct RunResult {
    Plan plan;
    std::string command;          ///< what was run, for a shell; empty: not by a command
    std::vector<FileFacts> files; ///< one, or one for each size of the plan's matrix
    std::string started_at;       ///< ISO 8601, UTC
    double elapsed_s = 0;
    bool interrupted = false;
    unsigned num_warmups = 0; ///< rounds whose samples were thrown away
    unsigned num_rounds = 0;  ///< rounds that were measured to their end
    /// Every row's interval is within the plan's target; nothing: the plan has none.
    std::optional<bool> target_reached;
    nlohmann::json lab;
    doctor::Findings findings; ///< of the machine, before the first transfer
    Ceilings ceilings;
    std::string no_ledger; ///< why no transfer was watched; empty where some were
    std::vector<Row> rows;
    std::vector<LatencyRow> latency; ///< empty: the plan has no latency arm

    [[nodiscard]] bool any_failed() const;

    /// Every row was skipped.
    [[nodiscard]] bool nothing_measured() const;
};

/// The nearest ceiling of a row and its share of it.
struct CeilingShare {
    std::string ceiling;
    double ratio = 0;
};

[[nodiscard]] std::optional<CeilingShare> share_of_ceiling(const Row& row,
                                                           const Ceilings& ceilings);

/// The result document, "pagewire.result/1" (docs/result.schema.json).
[[nodiscard]] nlohmann::json result_document(const RunResult& result);

/// "host" of the document: kernel, distribution, processor, memory.
[[nodiscard]] nlohmann::json host_facts();

} // namespace pagewire::testbed
