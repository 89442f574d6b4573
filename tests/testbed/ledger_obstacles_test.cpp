// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/ledger/figures.hpp"

#include "tests/testbed/ledger_builders.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

/// What the ledger could not see it does not call zero: every reason, and the figures that it
/// costs.
namespace pagewire::testbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using Member = Figure LedgerFigures::*;
using Members = std::vector<Member>;

const Members kCopies{&LedgerFigures::cpu_copies_per_byte, &LedgerFigures::copies_to_user_per_byte,
                      &LedgerFigures::copies_to_kernel_per_byte,
                      &LedgerFigures::copies_at_transmit_per_byte};
/// What only the programs see. The worker itself knows of its faults, switches and reads.
const Members kByPrograms{
    &LedgerFigures::syscalls_per_mib,           &LedgerFigures::crossings_per_turn,
    &LedgerFigures::cpu_copies_per_byte,        &LedgerFigures::copies_to_user_per_byte,
    &LedgerFigures::copies_to_kernel_per_byte,  &LedgerFigures::copies_at_transmit_per_byte,
    &LedgerFigures::cpu_copies_per_byte_fentry, &LedgerFigures::cache_insertions_per_mib};
const Members kByPmu{&LedgerFigures::cycles_per_byte, &LedgerFigures::instructions_per_byte,
                     &LedgerFigures::llc_misses_per_kib};

void expect_unavailable(const Figure& figure, std::string_view why)
{
    EXPECT_EQ(figure.value, std::nullopt);
    EXPECT_EQ(figure.evidence, fmt::format("unavailable: {}", why));
}

/// Those of `missing` are, for that reason; all others have a value and its evidence.
void expect_missing(const LedgerFigures& figures, const Members& missing, std::string_view why)
{
    for (const NamedFigure& named : kLedgerFigures) {
        SCOPED_TRACE(named.name);
        const Figure& figure = figures.*named.figure;
        if (std::find(missing.begin(), missing.end(), named.figure) != missing.end()) {
            expect_unavailable(figure, why);
        } else {
            EXPECT_TRUE(figure.value) << figure.evidence;
            EXPECT_THAT(figure.evidence, AllOf(Not(IsEmpty()), Not(StartsWith("unavailable"))));
        }
    }
}

/// What came in the way of a transfer's evidence, which figures it costs, and the reason given.
struct Obstacle {
    void (*meet)(SeenTransfer&);
    Members missing;
    std::string_view why;
};

const std::vector<Obstacle> kObstacles{
    // The whole reading.
    {[](SeenTransfer& seen) {
         seen.reading.reset();
         seen.no_reading = "no BTF";
     },
     kByPrograms, "no BTF"},
    {[](SeenTransfer& seen) { seen.counts().phase = LEDGER_IDLE; }, kByPrograms,
     "the worker's marks never came: the transfer did not reach its end"},
    {[](SeenTransfer& seen) { seen.counts().phase = LEDGER_DRAIN; }, kByPrograms,
     "the worker's marks never came: the transfer did not reach its end"},
    {[](SeenTransfer& seen) { seen.reading->num_missed = 3; }, kByPrograms,
     "3 events were missed: a program was interrupted by itself"},
    // The payload on its way.
    {[](SeenTransfer& seen) {
         seen.reading->num_missed_packets = 1;
         seen.counts().payload[LEDGER_QUEUE][LEDGER_PRIVATE] -= 1448;
     },
     kCopies, "4192856 of 4194304 payload bytes were seen at the queue stage"},
    {[](SeenTransfer& seen) { seen.counts().payload[LEDGER_QUEUE][LEDGER_PRIVATE] = 4000000; },
     kCopies, "4000000 of 4194304 payload bytes were seen at the queue stage"},
    {[](SeenTransfer& seen) { seen.counts().payload[LEDGER_TRANSMIT][LEDGER_PRIVATE] = 0; },
     kCopies, "0 of 4194304 payload bytes were seen at the transmit stage"},
    {[](SeenTransfer& seen) { seen.counts().payload[LEDGER_TRANSMIT][LEDGER_FILE] = 5000; },
     kCopies, "4199304 of 4194304 payload bytes were seen at the transmit stage"},
    {[](SeenTransfer& seen) { seen.reading->absent["net_dev_queue"] = "no net_dev_queue"; },
     kCopies, "no net_dev_queue"},
    {[](SeenTransfer& seen) { seen.reading->absent["net_dev_start_xmit"] = "no start_xmit"; },
     kCopies, "no start_xmit"},
    {[](SeenTransfer& seen) {
         seen.counts().payload[LEDGER_QUEUE][LEDGER_PRIVATE] -= 50000;
         seen.counts().payload[LEDGER_QUEUE][LEDGER_OTHER] = 50000;
     },
     kCopies,
     "50000 of 4194304 payload bytes lie where the ledger knows nothing of them at the queue "
     "stage"},
    {[](SeenTransfer& seen) {
         seen.counts().payload[LEDGER_TRANSMIT][LEDGER_PRIVATE] = 0;
         seen.counts().payload[LEDGER_TRANSMIT][LEDGER_FILE_ASTRAY] = kPayload;
     },
     kCopies,
     "4194304 of 4194304 payload bytes lie where the ledger knows nothing of them at the transmit "
     "stage"},
    {[](SeenTransfer& seen) { seen.reading->copiers_unavailable = "Not supported"; },
     {&LedgerFigures::cpu_copies_per_byte_fentry},
     "fentry: Not supported"},
    // The disk.
    {[](SeenTransfer& seen) { seen.disk_read_bytes.reset(); },
     {&LedgerFigures::dma_disk_device_per_byte},
     "the file system does not sit on one block device"},
    {[](SeenTransfer& seen) {
         seen.counts().cache_insertions = 0;
         seen.reading->absent["mm_filemap_add_to_page_cache"] = "no add_to_page_cache";
     },
     {&LedgerFigures::cache_insertions_per_mib},
     "no add_to_page_cache"},
    {[](SeenTransfer& seen) {
         seen.reading->absent["block_bio_queue"] = "no block_bio_queue";
         seen.worker.figures.has_disk_read_bytes = false;
     },
     {&LedgerFigures::dma_disk_per_byte},
     "neither block tracepoints nor task I/O accounting (CONFIG_TASK_IO_ACCOUNTING)"},
    // The processor and the device.
    {[](SeenTransfer& seen) {
         seen.worker.figures.pmu.clear();
         seen.worker.figures.pmu_unavailable = "no PMU that counts cycles";
     },
     kByPmu, "no PMU that counts cycles"},
    {[](SeenTransfer& seen) { seen.worker.figures.pmu.erase("llc_misses"); },
     {&LedgerFigures::llc_misses_per_kib},
     "not counted"},
    {[](SeenTransfer& seen) { seen.nic_tx_bytes.reset(); },
     {&LedgerFigures::dma_nic_per_byte},
     "the device's counters were not read"},
    {[](SeenTransfer& seen) { seen.nic_tx_bytes = 0; }, // igb's, after AF_XDP's zero-copy
     {&LedgerFigures::dma_nic_per_byte},
     "the device's tx_bytes rose by less than what was sent: its driver was restarted meanwhile, "
     "or counts no such packets"},
};

TEST(LedgerObstacle, AnObstacleIsNamedAndCostsWhatHangsOnItOnly)
{
    expect_missing(read_write().figures(), {}, "");
    for (const Obstacle& obstacle : kObstacles) {
        SCOPED_TRACE(obstacle.why);
        SeenTransfer seen = read_write();
        obstacle.meet(seen);
        const LedgerFigures figures = seen.figures();
        expect_missing(figures, obstacle.missing, obstacle.why);
        const bool sees_path = figures.cpu_copies_per_byte.value.has_value();
        EXPECT_EQ(figures.observed, sees_path ? ZeroCopy::kCopied : ZeroCopy::kUnknown);
        EXPECT_EQ(figures.payload_bytes.empty(), !seen.reading);
        if (!sees_path) {
            EXPECT_EQ(figures.observed_evidence, fmt::format("unavailable: {}", obstacle.why));
        }
        EXPECT_EQ(figures.syscalls.empty(), !figures.syscalls_per_mib.value);
    }
}

/// A program that sees packets was interrupted by one of somebody else's.
TEST(LedgerObstacle, AForeignPacketThatWasMissedCostsNothing)
{
    SeenTransfer seen = read_write();
    seen.reading->num_missed_packets = 1;
    expect_missing(seen.figures(), {}, "");
}

TEST(LedgerObstacle, NoPayloadLeavesNone)
{
    SeenTransfer seen = read_write();
    seen.worker.report = {};
    Members all;
    for (const NamedFigure& named : kLedgerFigures)
        all.push_back(named.figure);
    expect_missing(seen.figures(), all, "no payload was sent");
}

/// A fiftieth may be missing, and the evidence says so: the figure is of the rest.
TEST(LedgerObstacle, AlmostAllOfThePayloadIsEnough)
{
    for (const auto& [unseen, is_enough] :
         {std::pair(kPayload / 50, true), std::pair(kPayload / 50 + 1, false)}) {
        SeenTransfer seen = read_write();
        seen.counts().payload[LEDGER_TRANSMIT][LEDGER_PRIVATE] -= unseen;
        const auto figure = seen.figures().cpu_copies_per_byte;
        EXPECT_EQ(figure.value.has_value(), is_enough) << unseen;
        if (is_enough) {
            EXPECT_DOUBLE_EQ(*figure.value, 2);
            EXPECT_THAT(figure.evidence, HasSubstr("of 98.00 % of the payload"));
        }
    }
    EXPECT_THAT(read_write().figures().cpu_copies_per_byte.evidence,
                Not(HasSubstr("of the payload")));
}

TEST(LedgerObstacle, MoreThanThereIsIsSomethingElse)
{
    for (const auto& [foreign, is_believed] :
         {std::pair(kPayload / 1000, true), std::pair(kPayload / 1000 + 1, false)}) {
        SeenTransfer seen = sendfile(true);
        seen.counts().payload[LEDGER_TRANSMIT][LEDGER_FILE] += foreign;
        EXPECT_EQ(seen.figures().cpu_copies_per_byte.value.has_value(), is_believed) << foreign;
    }
}

/// A hundredth may lie anywhere, of both kinds together.
TEST(LedgerObstacle, AlmostAllOfThePayloadWhereItIsKnownIsEnough)
{
    for (const auto& [unknown, is_enough] :
         {std::pair(kPayload / 100, true), std::pair(kPayload / 100 + 1, false)}) {
        SeenTransfer seen = af_xdp(false);
        auto& arrival = seen.counts().payload[LEDGER_ARRIVAL];
        arrival[LEDGER_ANONYMOUS] -= unknown;
        arrival[LEDGER_OTHER] = unknown / 2;
        arrival[LEDGER_FILE_ASTRAY] = unknown - unknown / 2;
        EXPECT_EQ(seen.figures().cpu_copies_per_byte.value.has_value(), is_enough) << unknown;
    }
}

TEST(LedgerObstacle, AfXdpIsSeenAtThePeerOnly)
{
    const std::vector<Obstacle> obstacles{
        {[](SeenTransfer& seen) { seen.has_peer_device = false; }, kCopies,
         "an engine's packets pass no tracepoint on their way to the driver, no fentry saw them, "
         "and the other end of this link is not on this machine"},
        {[](SeenTransfer& seen) { seen.reading->absent["netif_receive_skb"] = "no receive_skb"; },
         kCopies, "no receive_skb"},
        {[](SeenTransfer& seen) { seen.counts().payload[LEDGER_ARRIVAL][LEDGER_LINEAR] = 0; },
         kCopies, "0 of 4194304 payload bytes were seen at the arrival stage"},
        {[](SeenTransfer& seen) {
             std::swap(seen.counts().payload[LEDGER_ARRIVAL][LEDGER_LINEAR],
                       seen.counts().payload[LEDGER_ARRIVAL][LEDGER_OTHER]);
         },
         kCopies,
         "4194304 of 4194304 payload bytes lie where the ledger knows nothing of them at the "
         "arrival stage"},
    };
    for (const Obstacle& obstacle : obstacles) {
        SeenTransfer seen = af_xdp(true);
        obstacle.meet(seen);
        const LedgerFigures figures = seen.figures();
        for (const Member member : obstacle.missing)
            expect_unavailable(figures.*member, obstacle.why);
        EXPECT_EQ(figures.observed, ZeroCopy::kUnknown);
        EXPECT_EQ(figures.crossings_per_turn.value, 1);
    }
    SeenTransfer seen = af_xdp(true);
    seen.reading->absent["net_dev_queue"] = "not on its way";
    EXPECT_EQ(seen.figures().cpu_copies_per_byte.value, 1);
    expect_unavailable(seen.figures().cpu_copies_per_byte_fentry,
                       "an engine's driver copies with memcpy, which no fentry can watch");
}

TEST(LedgerObstacle, NothingThatIsSentHasNoPath)
{
    SeenTransfer seen = any_transfer();
    seen.wire = core::Wire::kNone;
    for (const Member member : kCopies)
        expect_unavailable(seen.figures().*member, "nothing is sent");
    expect_unavailable(seen.figures().dma_nic_per_byte, "nothing is sent");
    EXPECT_EQ(seen.figures().cpu_copies_per_byte_fentry.value, std::nullopt);
}

} // namespace
} // namespace pagewire::testbed
