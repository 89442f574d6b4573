// SPDX-License-Identifier: BSD-3-Clause
// The ledger's figures are counts, and exact ones: each is held against what the method must do,
// and then against senders and conditions that do something else.
#include "testbed/child_process.hpp"
#include "testbed/ledger/textbook.hpp"
#include "testbed/row_ledger.hpp"
#include "testbed/sink.hpp"
#include "testbed/worker.hpp"
#include "tests/lab/lab_transfers.hpp"
#include "tests/lab/sender_variants.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace pagewire::tests {
namespace {

using testbed::CacheState;
using testbed::Figure;
using testbed::LedgerFigures;
using testbed::Sample;
using testbed::ZeroCopy;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

constexpr std::uint64_t kFileBytes = 64 * core::kMiB;
constexpr double kNumTurns = 1024; // of 64 KiB

class LedgerLab : public LabTransfers {
  protected:
    LedgerLab() : LabTransfers(kFileBytes) {}

    void SetUp() override { ASSERT_TRUE(ledger_.support()) << ledger_.support().reason(); }

    struct Conditions {
        CacheState cache = CacheState::kCold;
        nic::FeatureSettings features = {};
        bool map_per_chunk = false;
    };

    /// A watched transfer that must succeed. Where an interrupt came into a program of the
    /// ledger's, it is made again: the ledger gives no figures of such a one, and rows have
    /// several.
    Sample watched(const core::Method& method, const Conditions& conditions)
    {
        Sample sample;
        for (int i = 0; i < 3 && (i == 0 || has_missed_events(sample)); ++i) {
            sample = transfer(testbed::Cell{.method = &method,
                                            .cache = conditions.cache,
                                            .arm = {},
                                            .features = conditions.features,
                                            .map_per_chunk = conditions.map_per_chunk,
                                            .source = core::PayloadSource::kDisk},
                              true);
            EXPECT_EQ(sample.error, "") << method.name;
            EXPECT_TRUE(sample.watched);
        }
        return sample;
    }

    static bool has_missed_events(const Sample& sample)
    {
        return sample.ledger.crossings_per_turn.evidence.find("events were missed") !=
               std::string::npos;
    }

    Sample watched(const char* method) { return watched(*testbed::find_method(method), {}); }

    Sample watched(const char* method, const Conditions& conditions)
    {
        return watched(*testbed::find_method(method), conditions);
    }

    /// As the report would judge a row of this transfer.
    static testbed::TextbookVerdict verdict(const core::Method& method, const Sample& sample,
                                            CacheState cache = CacheState::kCold)
    {
        testbed::Row row;
        row.method = &method;
        row.cache = cache;
        row.samples.push_back(sample);
        return testbed::row_verdict(row, testbed::row_ledger(row)).value();
    }
};

void expect_near(const Figure& figure, double wanted, double tolerance)
{
    ASSERT_TRUE(figure.value) << figure.evidence;
    EXPECT_NEAR(*figure.value, wanted, tolerance) << figure.evidence;
}

nic::FeatureSettings scatter_gather(bool on)
{
    return {{"tx-scatter-gather", on}};
}

TEST_F(LedgerLab, ReadWriteCopiesTwice)
{
    const Sample sample = watched("read_write", {.features = scatter_gather(true)});
    const LedgerFigures& ledger = sample.ledger;
    expect_near(ledger.cpu_copies_per_byte, 2.00, 0.03);
    expect_near(ledger.copies_to_user_per_byte, 1.00, 0.001);
    expect_near(ledger.crossings_per_turn, 4, 0.05);
    expect_near(ledger.dma_disk_per_byte, 1.00, 0.02);
    expect_near(ledger.dma_disk_device_per_byte, 1.00, 0.02);
    EXPECT_EQ(ledger.syscalls.at("read"), kNumTurns);
    EXPECT_GE(ledger.syscalls.at("write"), kNumTurns);
    EXPECT_EQ(ledger.observed, ZeroCopy::kCopied);
    EXPECT_EQ(verdict(*testbed::find_method("read_write"), sample).agrees, true);
}

TEST_F(LedgerLab, ReadWriteWithoutScatterGatherCopiesThreeTimes)
{
    const Sample sample = watched("read_write", {.features = scatter_gather(false)});
    expect_near(sample.ledger.cpu_copies_per_byte, 3.00, 0.03);
    expect_near(sample.ledger.copies_at_transmit_per_byte, 1.00, 0.03);
    const auto said = verdict(*testbed::find_method("read_write"), sample);
    EXPECT_EQ(said.agrees, false);
    EXPECT_THAT(said.notes, Contains(HasSubstr("scatter/gather is off: one copy more")));
}

TEST_F(LedgerLab, MmapWriteCopiesOnceAndTradesCallsForFaults)
{
    const Sample sample = watched("mmap_write", {.features = scatter_gather(true)});
    expect_near(sample.ledger.cpu_copies_per_byte, 1.00, 0.03);
    expect_near(sample.ledger.crossings_per_turn, 2, 0.05);
    ASSERT_TRUE(sample.ledger.page_faults_per_turn.value);
    EXPECT_GT(*sample.ledger.page_faults_per_turn.value, 0.01);
    const auto said = verdict(*testbed::find_method("mmap_write"), sample);
    EXPECT_EQ(said.agrees, false);
    EXPECT_THAT(said.notes, Contains(HasSubstr("one mapping for the whole file")));
}

TEST_F(LedgerLab, MmapWriteByTheChunkHasTheTextbooksCrossings)
{
    const Sample sample =
        watched("mmap_write", {.features = scatter_gather(true), .map_per_chunk = true});
    expect_near(sample.ledger.cpu_copies_per_byte, 1.00, 0.03);
    expect_near(sample.ledger.crossings_per_turn, 4, 0.05);
    EXPECT_EQ(sample.ledger.syscalls.at("mmap"), kNumTurns);
    EXPECT_EQ(verdict(*testbed::find_method("mmap_write"), sample).agrees, true);
}

TEST_F(LedgerLab, SendfileCopiesOnceAtTransmit)
{
    const Sample sample = watched("sendfile", {.features = scatter_gather(false)});
    expect_near(sample.ledger.cpu_copies_per_byte, 1.00, 0.03);
    expect_near(sample.ledger.copies_at_transmit_per_byte, 1.00, 0.03);
    expect_near(sample.ledger.crossings_per_turn, 2, 0.2);
    EXPECT_EQ(sample.ledger.observed, ZeroCopy::kCopied);
    EXPECT_EQ(verdict(*testbed::find_method("sendfile"), sample).agrees, true);
}

TEST_F(LedgerLab, SendfileSgCopiesNothing)
{
    const Sample sample = watched("sendfile_sg", {.features = scatter_gather(true)});
    expect_near(sample.ledger.cpu_copies_per_byte, 0.005, 0.005);
    EXPECT_EQ(sample.ledger.observed, ZeroCopy::kZeroCopy);
    EXPECT_NEAR(static_cast<double>(sample.ledger.payload_bytes.at("transmit/file")), kFileBytes,
                0.02 * kFileBytes);
    EXPECT_EQ(verdict(*testbed::find_method("sendfile_sg"), sample).agrees, true);
}

// ---- the kernel's methods over UDP ----

/// The payload that was seen at a stage, and the header octets there.
std::uint64_t seen_at(const LedgerFigures& ledger, const std::string& stage)
{
    std::uint64_t bytes = 0;
    for (const auto& [name, count] : ledger.payload_bytes) {
        if (name.starts_with(stage + '/') && !name.ends_with("/headers"))
            bytes += count;
    }
    return bytes;
}

TEST_F(LedgerLab, ReadWriteUdpCopiesTwice)
{
    const Sample sample = watched("read_write_udp", {.features = scatter_gather(true)});
    const LedgerFigures& ledger = sample.ledger;
    expect_near(ledger.cpu_copies_per_byte, 2.00, 0.001);
    expect_near(ledger.copies_to_user_per_byte, 1.00, 0.001);
    expect_near(ledger.copies_at_transmit_per_byte, 0.00, 0.001);
    expect_near(ledger.crossings_per_turn, 4, 0.2);
    expect_near(ledger.dma_disk_per_byte, 1.00, 0.02);
    EXPECT_EQ(ledger.syscalls.at("read"), kNumTurns);
    EXPECT_EQ(ledger.observed, ZeroCopy::kCopied);
    EXPECT_EQ(verdict(*testbed::find_method("read_write_udp"), sample).agrees, true);
    // Headers of segmented skbs are told from the payload: it adds up to the byte.
    EXPECT_GT(sample.worker.report.counters.at("gso_messages"), 0U);
    EXPECT_EQ(seen_at(ledger, "queue"), kFileBytes);
    EXPECT_EQ(seen_at(ledger, "transmit"), kFileBytes);
    EXPECT_GE(ledger.payload_bytes.at("queue/headers"), 24 * kFileBytes / 8192);
}

TEST_F(LedgerLab, ReadWriteUdpByThePacketCopiesNoMore)
{
    const Sample sample =
        watched("read_write_udp",
                {.features = {{"tx-scatter-gather", true}, {"tx-udp-segmentation", false}}});
    expect_near(sample.ledger.cpu_copies_per_byte, 2.00, 0.001);
    EXPECT_EQ(seen_at(sample.ledger, "queue"), kFileBytes);
    EXPECT_EQ(seen_at(sample.ledger, "transmit"), kFileBytes);
    // Each packet has headers of its own at the driver: link, IP, UDP, the flow's.
    EXPECT_EQ(sample.ledger.payload_bytes.at("transmit/headers"),
              (14 + 20 + 8 + 24) * kFileBytes / 8192);
}

TEST_F(LedgerLab, ReadWriteUdpWithoutScatterGatherCopiesPagesOnceMore)
{
    const Sample sample = watched("read_write_udp", {.features = scatter_gather(false)});
    // Seven of eight datagrams come in skbs of pages.
    expect_near(sample.ledger.copies_at_transmit_per_byte, 7.0 / 8, 0.02);
    expect_near(sample.ledger.copies_to_kernel_per_byte, 1.00, 0.001);
}

TEST_F(LedgerLab, MmapWriteUdpCopiesOnce)
{
    const Sample sample =
        watched("mmap_write_udp", {.features = scatter_gather(true), .map_per_chunk = true});
    expect_near(sample.ledger.cpu_copies_per_byte, 1.00, 0.001);
    expect_near(sample.ledger.crossings_per_turn, 4, 0.2);
    EXPECT_EQ(verdict(*testbed::find_method("mmap_write_udp"), sample).agrees, true);
}

TEST_F(LedgerLab, SendfileUdpCopiesNothingWhereItCanGather)
{
    const Sample sample = watched("sendfile_udp", {.features = scatter_gather(true)});
    expect_near(sample.ledger.cpu_copies_per_byte, 0.00, 0.001);
    expect_near(sample.ledger.crossings_per_turn, 4, 0.1);
    EXPECT_EQ(sample.ledger.observed, ZeroCopy::kZeroCopy);
    EXPECT_EQ(sample.ledger.payload_bytes.at("transmit/file"), kFileBytes);
    EXPECT_EQ(verdict(*testbed::find_method("sendfile_udp"), sample).agrees, true);
    const Sample copied = watched("sendfile_udp", {.features = scatter_gather(false)});
    expect_near(copied.ledger.copies_to_kernel_per_byte, 1.00, 0.001);
    EXPECT_EQ(verdict(*testbed::find_method("sendfile_udp"), copied).agrees, false);
}

TEST_F(LedgerLab, ALostSegmentedMessageIsCountedByTheDatagram)
{
    const Sample sample = transfer(testbed::Cell{.method = &lossy_udp,
                                                 .cache = CacheState::kCold,
                                                 .arm = {},
                                                 .features = scatter_gather(true),
                                                 .source = core::PayloadSource::kDisk},
                                   true);
    EXPECT_THAT(sample.error, HasSubstr("14 blocks of 4 KiB never reached the sink"));
    EXPECT_EQ(sample.sink.report.counters.at("datagrams_lost"), 7U);
    EXPECT_EQ(sample.sink.blocks.missing, 14U);
    EXPECT_EQ(sample.sink.blocks.bad, 0U);
    EXPECT_EQ(seen_at(sample.ledger, "queue"), kFileBytes - 7 * 8192);
}

TEST_F(LedgerLab, SpliceHandsOnTheFilesPages)
{
    const Sample sample = watched("splice", {.features = scatter_gather(true)});
    expect_near(sample.ledger.cpu_copies_per_byte, 0.00, 0.01);
    expect_near(sample.ledger.crossings_per_turn, 4, 0.05);
    EXPECT_EQ(sample.ledger.syscalls.at("splice"), 2 * kNumTurns);
    EXPECT_EQ(sample.ledger.observed, ZeroCopy::kZeroCopy);
    EXPECT_NEAR(static_cast<double>(sample.ledger.payload_bytes.at("transmit/file")), kFileBytes,
                0.02 * kFileBytes);
    EXPECT_EQ(verdict(*testbed::find_method("splice"), sample).agrees, true);
}

TEST_F(LedgerLab, UringSpliceDoesThatWithLessThanACallATurn)
{
    const Sample sample = watched("uring_splice", {.features = scatter_gather(true)});
    expect_near(sample.ledger.cpu_copies_per_byte, 0.00, 0.01);
    expect_near(sample.ledger.crossings_per_turn, 0.25, 0.1);
    EXPECT_EQ(sample.ledger.observed, ZeroCopy::kZeroCopy);
    EXPECT_NEAR(static_cast<double>(sample.ledger.payload_bytes.at("transmit/file")), kFileBytes,
                0.02 * kFileBytes);
    EXPECT_EQ(verdict(*testbed::find_method("uring_splice"), sample).agrees, true);
}

/// Not copied on arrival either, as what a zero-copy send hands on is: nobody waits for these
/// pages.
TEST_F(LedgerLab, VmspliceGivesItsPagesAwayUncopied)
{
    const Sample sample = watched("vmsplice", {.features = scatter_gather(true)});
    expect_near(sample.ledger.cpu_copies_per_byte, 0.00, 0.01);
    expect_near(sample.ledger.crossings_per_turn, 8, 0.1);
    expect_near(sample.ledger.dma_disk_per_byte, 1.00, 0.02);
    expect_near(sample.ledger.cache_insertions_per_mib, 0, 0);
    EXPECT_EQ(sample.ledger.observed, ZeroCopy::kZeroCopy);
    EXPECT_NEAR(static_cast<double>(sample.ledger.payload_bytes.at("transmit/anonymous")),
                kFileBytes, 0.02 * kFileBytes);
    EXPECT_EQ(verdict(*testbed::find_method("vmsplice"), sample).agrees, true);
}

/// The pages are the kernel's own, as those of a copy are: that the disk wrote them is what tells.
TEST_F(LedgerLab, SendfileDirectHandsOnThePagesThatTheDiskWrote)
{
    const Sample sample = watched("sendfile_direct", {.features = scatter_gather(true)});
    expect_near(sample.ledger.cpu_copies_per_byte, 0.00, 0.01);
    expect_near(sample.ledger.dma_disk_per_byte, 1.00, 0.02);
    expect_near(sample.ledger.cache_insertions_per_mib, 0, 0);
    EXPECT_EQ(sample.ledger.observed, ZeroCopy::kZeroCopy);
    EXPECT_NEAR(static_cast<double>(sample.ledger.payload_bytes.at("transmit/disk")), kFileBytes,
                0.02 * kFileBytes);
    EXPECT_EQ(verdict(*testbed::find_method("sendfile_direct"), sample).agrees, true);
}

TEST_F(LedgerLab, SendfileDirectWithoutScatterGatherCopiesAtTransmit)
{
    const Sample sample = watched("sendfile_direct", {.features = scatter_gather(false)});
    expect_near(sample.ledger.copies_to_kernel_per_byte, 0.00, 0.01);
    expect_near(sample.ledger.copies_at_transmit_per_byte, 1.00, 0.03);
    EXPECT_EQ(sample.ledger.observed, ZeroCopy::kCopied);
}

TEST_F(LedgerLab, DirectWriteCopiesOnceAndCachesNothing)
{
    const Sample sample = watched("direct_write", {.features = scatter_gather(true)});
    expect_near(sample.ledger.cpu_copies_per_byte, 1.00, 0.01);
    expect_near(sample.ledger.copies_to_user_per_byte, 0.00, 0.001);
    expect_near(sample.ledger.crossings_per_turn, 4, 0.05);
    expect_near(sample.ledger.cache_insertions_per_mib, 0, 0);
    EXPECT_EQ(sample.ledger.observed, ZeroCopy::kCopied);
    EXPECT_EQ(verdict(*testbed::find_method("direct_write"), sample).agrees, true);
}

/// Zero-copy as far as the device, and copied behind it: the receiver is on the same machine. The
/// kernel says so of every send.
void expect_copied_by_the_receiver(const Sample& sample, const char* completions)
{
    const auto& report = sample.worker.report;
    expect_near(sample.ledger.cpu_copies_per_byte, 0.00, 0.01);
    expect_near(sample.ledger.cache_insertions_per_mib, 0, 0);
    EXPECT_NEAR(static_cast<double>(sample.ledger.payload_bytes.at("transmit/anonymous")),
                kFileBytes, 0.02 * kFileBytes);
    ASSERT_TRUE(sample.ledger.copied_by_receiver);
    EXPECT_NEAR(*sample.ledger.copied_by_receiver, 1.0, 0.02);
    EXPECT_EQ(sample.ledger.observed, ZeroCopy::kCopied);
    EXPECT_THAT(sample.ledger.observed_evidence, HasSubstr("tcp_probe"));
    EXPECT_EQ(report.zero_copy_kernel_reported, "copy");
    EXPECT_GE(report.counters.at(completions), kNumTurns);
    EXPECT_EQ(report.counters.at("zerocopy_copied"), report.counters.at(completions));
}

TEST_F(LedgerLab, MsgZerocopyOverVethIsCopiedByTheReceiver)
{
    const Sample sample = watched("msg_zerocopy", {.features = scatter_gather(true)});
    expect_copied_by_the_receiver(sample, "zerocopy_completions");
    EXPECT_EQ(sample.worker.report.zero_copy_requested, "MSG_ZEROCOPY");
    const auto said = verdict(*testbed::find_method("msg_zerocopy"), sample);
    EXPECT_THAT(said.notes, Contains(HasSubstr("1.00 copies a byte behind the sending device")));
}

TEST_F(LedgerLab, UringSendZcOverVethIsCopiedByTheReceiver)
{
    const Sample sample = watched("uring_send_zc", {.features = scatter_gather(true)});
    expect_copied_by_the_receiver(sample, "zerocopy_notifications");
    EXPECT_EQ(sample.worker.report.zero_copy_requested, "SEND_ZC");
    EXPECT_EQ(verdict(*testbed::find_method("uring_send_zc"), sample).agrees, true);
}

TEST_F(LedgerLab, AfXdpOverVethCopiesOnceAndIsSeenToCopy)
{
    const Sample sample = watched("af_xdp");
    expect_near(sample.ledger.cpu_copies_per_byte, 1.00, 0.03);
    expect_near(sample.ledger.dma_disk_per_byte, 1.00, 0.02);
    expect_near(sample.ledger.cache_insertions_per_mib, 0, 0);
    EXPECT_EQ(sample.ledger.observed, ZeroCopy::kCopied);
    EXPECT_EQ(sample.worker.report.zero_copy_kernel_reported, "copy");
    EXPECT_EQ(verdict(*testbed::find_method("af_xdp"), sample).agrees, true);
}

TEST_F(LedgerLab, SmallPacketsAreCountedAsExactly)
{
    const nic::FeatureSettings one_by_one{{"tx-scatter-gather", true},
                                          {"tx-tcp-segmentation", false},
                                          {"tx-generic-segmentation", false}};
    for (const auto& [method, copies] :
         {std::pair{"read_write", 2.0}, {"mmap_write", 1.0}, {"sendfile_sg", 0.0}}) {
        const Sample sample = watched(method, {.features = one_by_one});
        expect_near(sample.ledger.cpu_copies_per_byte, copies, 0.01);
    }
}

// ---- each figure, broken ----

TEST_F(LedgerLab, HotFileHasNoDiskDma)
{
    const Sample sample =
        watched("sendfile_sg", {.cache = CacheState::kHot, .features = scatter_gather(true)});
    expect_near(sample.ledger.dma_disk_per_byte, 0.00, 0.01);
    const auto said = verdict(*testbed::find_method("sendfile_sg"), sample, CacheState::kHot);
    EXPECT_EQ(said.agrees, false);
    EXPECT_THAT(said.notes, Contains(HasSubstr("hot cache: no disk DMA")));
}

TEST_F(LedgerLab, ScatterGatherForcedOnUnderSendfileIsTold)
{
    const Sample sample = watched("sendfile", {.features = scatter_gather(true)});
    expect_near(sample.ledger.cpu_copies_per_byte, 0.00, 0.01);
    const auto said = verdict(*testbed::find_method("sendfile"), sample);
    EXPECT_EQ(said.agrees, false);
    EXPECT_THAT(said.notes, Contains(HasSubstr("scatter/gather is on")));
}

TEST_F(LedgerLab, OneCopyMoreThroughAPipeIsTold)
{
    const Sample sample = watched(spliced_and_read, {.features = scatter_gather(true)});
    expect_near(sample.ledger.cpu_copies_per_byte, 2.00, 0.03);
    EXPECT_EQ(verdict(spliced_and_read, sample).agrees, false); // it claims one
}

TEST_F(LedgerLab, TwoCopiesMoreThroughAPipeAreTold)
{
    const Sample sample = watched(through_a_pipe, {.features = scatter_gather(true)});
    expect_near(sample.ledger.cpu_copies_per_byte, 4.00, 0.03);
    expect_near(sample.ledger.crossings_per_turn, 8, 0.05);
}

TEST_F(LedgerLab, PagesSplicedFromAPipeAreCountedOnce)
{
    const Sample sample = watched(spliced_from_a_pipe, {.features = scatter_gather(true)});
    expect_near(sample.ledger.cpu_copies_per_byte, 2.00, 0.03);
}

TEST_F(LedgerLab, OneCallMoreIsTold)
{
    const Sample sample = watched(one_call_more, {.features = scatter_gather(true)});
    EXPECT_EQ(sample.ledger.syscalls.at("getppid"), kNumTurns);
    expect_near(sample.ledger.crossings_per_turn, 6, 0.05);
    const auto said = verdict(one_call_more, sample);
    EXPECT_EQ(said.agrees, false);
    EXPECT_THAT(said.notes, Contains(HasSubstr("getppid 1.00")));
}

TEST_F(LedgerLab, SilentlyBufferedReadsFailTheRow)
{
    const Sample sample = transfer(testbed::Cell{.method = &buffered_in_disguise,
                                                 .cache = CacheState::kCold,
                                                 .arm = {},
                                                 .features = {},
                                                 .source = core::PayloadSource::kDisk},
                                   true);
    EXPECT_THAT(sample.error, HasSubstr("entered the page cache"));
}

// ---- the ledger in the company of others ----

TEST_F(LedgerLab, AnotherTracerOnTheSameDeviceChangesNothing)
{
    testbed::Ledger other;
    const testbed::LedgerWatch watch(other, {.source_fd = source_.fd.get(),
                                             .sender = lab_->link().device,
                                             .peer = lab_->link().peer_device});
    ASSERT_TRUE(watch.support()) << watch.support().reason();
    const Sample sample = watched("read_write", {.features = scatter_gather(true)});
    expect_near(sample.ledger.cpu_copies_per_byte, 2.00, 0.03);
    expect_near(sample.ledger.crossings_per_turn, 4, 0.05);
}

TEST_F(LedgerLab, UnwatchedTransferSaysSo)
{
    const Sample sample = transfer("read_write");
    EXPECT_EQ(sample.error, "");
    EXPECT_FALSE(sample.watched);
    EXPECT_EQ(sample.ledger.cpu_copies_per_byte.value, std::nullopt);
    EXPECT_THAT(sample.ledger.cpu_copies_per_byte.evidence,
                AllOf(HasSubstr("unavailable"), HasSubstr("did not watch")));
    EXPECT_EQ(sample.ledger.observed, ZeroCopy::kUnknown);
}

} // namespace
} // namespace pagewire::tests

/// The workers of these transfers are this program again, so that they know the variants.
int main(int argc, char** argv)
{
    using namespace pagewire;
    const std::string_view command = argc > 1 ? argv[1] : "";
    if (command == "worker" || command == "sink") {
        testbed::Channel channel{core::UniqueFd(testbed::ChildProcess::kControlFd)};
        if (command == "worker")
            return testbed::run_worker(std::move(channel), tests::find_variant);
        testbed::serve_sink(channel);
        return 0;
    }
    ::unsetenv("PAGEWIRE_EXE");
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
