// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/experiment.hpp"

#include "core/error.hpp"
#include "core/units.hpp"
#include "testbed/cells.hpp"
#include "testbed/lab.hpp"
#include "testbed/latency/latency.hpp"
#include "testbed/matrix.hpp"
#include "testbed/rounds.hpp"
#include "testbed/source.hpp"
#include "testbed/statistics.hpp"
#include "testbed/transfer.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace pagewire::testbed {

namespace {

using Clock = std::chrono::steady_clock;

/// The labs and files that the settings of a plan need, each opened once, and what runs their
/// transfers.
class OpenSettings {
  public:
    OpenSettings(const Plan& plan, Ledger& ledger, const std::atomic<bool>& interrupted,
                 const Pause& pause)
        : plans_(settings(plan))
    {
        // One link serves every number of queues.
        std::uint32_t num_queues = plan.num_queues;
        for (const Plan& setting : plans_)
            num_queues =
                std::max(num_queues, setting.dataplane.queue + setting.dataplane.num_queues);
        std::vector<OpenLab*> labs; // of each setting
        for (Plan& setting : plans_) {
            setting.num_queues = num_queues;
            labs.push_back(&lab_for(setting)); // first: its errors need no file read
        }
        for (std::size_t i = 0; i < plans_.size(); ++i) {
            const Source& source = source_for(plans_[i]);
            OpenLab& lab = *labs[i];
            views_.push_back({.plan = &plans_[i],
                              .file_bytes = source.range.length,
                              .mtu = lab.lab->link().mtu,
                              .source = &source,
                              .lab = lab.lab.get()});
            runners_.push_back(std::make_unique<TransferRunner>(
                plans_[i], *lab.lab, lab.memory, source, ledger, interrupted, pause));
        }
    }

    [[nodiscard]] std::span<const SettingView> views() const { return views_; }

    [[nodiscard]] TransferRunner& runner(const Cell& cell) { return *runners_[cell.setting]; }

    /// Over the first setting: its file, its link, its chunk.
    [[nodiscard]] std::vector<LatencyRow> measure_latency(const std::atomic<bool>& interrupted,
                                                          const Progress& progress)
    {
        const SettingView& view = views_.front();
        const auto begun = Clock::now();
        return testbed::measure_latency({.plan = *view.plan,
                                         .source = *view.source,
                                         .lab = *view.lab,
                                         .runner = *runners_.front()},
                                        interrupted, [&](const LatencyTurn& turn) {
                                            progress({.num_done = turn.num_done,
                                                      .num_total = turn.num_total,
                                                      .round = turn.round,
                                                      .last_round = turn.last_round,
                                                      .last_gbps = {},
                                                      .elapsed = Clock::now() - begun,
                                                      .what = turn.what});
                                        });
    }

    [[nodiscard]] const Lab& first_lab() const { return *labs_.front()->lab; }

    /// The files, in the order of the settings.
    [[nodiscard]] std::vector<const Source*> sources() const
    {
        std::vector<const Source*> all;
        for (const auto& open : sources_)
            all.push_back(&open->source);
        return all;
    }

  private:
    struct OpenLab {
        std::uint32_t mtu = 0; // that the plan asked for
        std::unique_ptr<Lab> lab;
        SinkMemory memory;
    };

    struct OpenSource {
        std::uint64_t generated_bytes = 0;
        std::uint64_t length = 0;
        Source source;
    };

    OpenLab& lab_for(const Plan& setting)
    {
        for (const auto& open : labs_) {
            if (open->mtu == setting.mtu)
                return *open;
        }
        labs_.push_back(std::make_unique<OpenLab>());
        labs_.back()->mtu = setting.mtu;
        labs_.back()->lab = open_lab(setting);
        labs_.back()->memory = SinkMemory(setting.seed);
        return *labs_.back();
    }

    const Source& source_for(const Plan& setting)
    {
        for (const auto& open : sources_) {
            if (open->generated_bytes == setting.generated_bytes && open->length == setting.length)
                return open->source;
        }
        sources_.push_back(
            std::make_unique<OpenSource>(OpenSource{.generated_bytes = setting.generated_bytes,
                                                    .length = setting.length,
                                                    .source = Source::open(setting)}));
        return sources_.back()->source;
    }

    std::vector<Plan> plans_;
    std::vector<std::unique_ptr<OpenLab>> labs_;
    std::vector<std::unique_ptr<OpenSource>> sources_;
    std::vector<SettingView> views_;
    std::vector<std::unique_ptr<TransferRunner>> runners_;
};

/// Before anything is measured: in the middle of a run it would cost what was.
void require_known_features(const Plan& plan, const nic::FeatureTable& known)
{
    for (const Arm& arm : plan.arms) {
        for (const auto& [feature, on] : arm.features) {
            if (!known.contains(feature))
                throw core::UsageError(fmt::format(
                    "arms.{}: the kernel knows no feature \"{}\": ethtool -k lists them", arm.name,
                    feature));
        }
    }
}

std::optional<double> measure_memcpy()
{
    constexpr std::size_t bytes = 64 * core::kMiB;
    constexpr int rounds = 5;
    std::vector<std::byte> from(bytes, std::byte{1});
    std::vector<std::byte> to(bytes);
    std::vector<double> gbps;
    for (int i = 0; i < rounds; ++i) {
        const auto start = Clock::now();
        std::memcpy(to.data(), from.data(), bytes);
        const auto elapsed =
            std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start);
        from[static_cast<std::size_t>(i)] =
            to[bytes - 1]; // the copies are used: none may be left out
        gbps.push_back(
            core::gigabits_per_second(bytes, static_cast<std::uint64_t>(elapsed.count())));
    }
    return median(gbps);
}

std::string describe(const Row& row, std::span<const VariedKey> varied)
{
    std::string text = fmt::format("{} {}{}{}", row.method->name, cache_name(row.cache),
                                   row.arm.empty() ? "" : " ", row.arm);
    for (const VariedKey& key : varied) {
        if (const std::string value = condition_text(row.conditions, key.condition); !value.empty())
            text += ", " + value;
    }
    return text;
}

} // namespace

RunResult run_experiment(const Plan& plan, const std::atomic<bool>& interrupted,
                         const Progress& progress, const Pause& pause)
{
    const auto begun = Clock::now();
    RunResult result;
    result.plan = plan;
    result.started_at = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
    Ledger ledger(plan.ledger != LedgerMode::kOff);
    result.no_ledger = ledger.support().reason();
    OpenSettings open(plan, ledger, interrupted, pause);
    for (const Source* source : open.sources())
        result.files.push_back({.path = source->path,
                                .range = source->range,
                                .file_system = core::file_system_name(source->fd.get()),
                                .digest_summary = source->digests.summary()});
    result.lab = open.first_lab().describe();
    result.findings =
        doctor::examine(doctor::this_machine(result.files.front().path, plan.dataplane.num_queues));
    require_known_features(plan, open.first_lab().features());
    std::vector<Task> tasks = make_tasks(plan, open.views());
    const bool apart = plan.ledger == LedgerMode::kApart && result.no_ledger.empty();
    for (Task& task : tasks)
        task.row.timed_apart = apart && !task.is_ceiling;
    Rounds rounds(plan, tasks, result.no_ledger.empty());
    const std::vector<VariedKey> varied = varied_keys(plan.matrix);
    const auto begun_rounds = Clock::now();
    std::optional<double> last_gbps;
    while (!interrupted.load() && rounds.next()) {
        for (const Turn& turn : rounds.turns()) {
            if (interrupted.load())
                break;
            progress({.num_done = rounds.num_done(),
                      .num_total = rounds.num_total(),
                      .round = rounds.is_warmup() ? 0 : rounds.number() + 1,
                      .last_round = plan.last_round(),
                      .last_gbps = last_gbps,
                      .elapsed = Clock::now() - begun_rounds,
                      .what = describe(turn.task->row, varied)});
            auto sample =
                open.runner(turn.task->cell).run(turn.task->cell, rounds.number(), turn.watched);
            if (sample && sample->error.empty())
                last_gbps = sample->goodput_gbps;
            if (sample && !rounds.is_warmup())
                turn.task->row.samples.push_back(std::move(*sample));
            rounds.count_done();
        }
        if (!interrupted.load())
            rounds.end(result);
    }
    if (plan.latency)
        result.latency = open.measure_latency(interrupted, progress);
    result.interrupted = interrupted.load();

    for (Task& task : tasks) {
        if (!task.is_ceiling) {
            if (task.row.samples.empty() && task.row.skipped.empty())
                task.row.skipped = "interrupted before its first transfer";
            result.rows.push_back(std::move(task.row));
            continue;
        }
        const std::vector<double> goodputs = task.row.goodputs();
        if (goodputs.empty())
            continue;
        result.ceilings.measured.push_back(
            {.engine = std::string(task.cell.method->name),
             .is_disk = task.cell.source == core::PayloadSource::kDisk,
             .conditions = task.row.conditions,
             .gbps = median(goodputs)});
    }
    if (plan.ceilings && !result.interrupted)
        result.ceilings.memcpy_gbps = measure_memcpy();
    result.elapsed_s = std::chrono::duration<double>(Clock::now() - begun).count();
    return result;
}

} // namespace pagewire::testbed
