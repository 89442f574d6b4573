// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/ledger/figures.hpp"

#include "tests/testbed/ledger_builders.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace pagewire::testbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

/// One method's transfer, and what its path did to the payload.
struct Path {
    std::string_view name;
    SeenTransfer seen;
    double calls_per_mib;
    double crossings; ///< a turn
    double to_user;
    double to_kernel;
    double at_transmit;
    ZeroCopy observed;
    std::optional<double> fentry;
};

TEST(LedgerFigures, PathsOfTheMethods)
{
    using enum ZeroCopy;
    for (const Path& path : std::vector<Path>{
             {"read_write", read_write(), 32, 4, 1, 1, 0, kCopied, 2},
             {"read_write, SG off", read_write(false), 32, 4, 1, 1, 1, kCopied, 3},
             {"mmap_write", mmap_write(), 32, 4, 0, 1, 0, kCopied, 1},
             {"sendfile, SG off", sendfile(false), 16, 2, 0, 0, 1, kCopied, 1},
             {"sendfile, SG on", sendfile(true), 16, 2, 0, 0, 0, kZeroCopy, 0},
             {"sendfile_direct", sendfile_direct(), 16, 2, 0, 0, 0, kZeroCopy, 0},
             {"msg_zerocopy", msg_zerocopy(false), 32, 4, 0, 0, 0, kZeroCopy, 0},
             {"msg_zerocopy, copied on arrival", msg_zerocopy(true), 32, 4, 0, 0, 0, kCopied, 0},
             {"read_write_udp", read_write_udp(), 32, 4, 1, 1, 0, kCopied, {}},
             {"af_xdp, copy", af_xdp(true), 8, 1, 0, 1, 0, kCopied, {}},
             {"af_xdp, zero-copy", af_xdp(false), 8, 1, 0, 0, 0, kZeroCopy, {}}}) {
        SCOPED_TRACE(path.name);
        const LedgerFigures figures = path.seen.figures();
        EXPECT_EQ(figures.syscalls_per_mib.value, path.calls_per_mib);
        EXPECT_EQ(figures.crossings_per_turn.value, path.crossings);
        EXPECT_EQ(figures.syscalls, path.seen.reading->calls);
        EXPECT_EQ(figures.copies_to_user_per_byte.value, path.to_user);
        EXPECT_EQ(figures.copies_to_kernel_per_byte.value, path.to_kernel);
        EXPECT_EQ(figures.copies_at_transmit_per_byte.value, path.at_transmit);
        EXPECT_EQ(figures.cpu_copies_per_byte.value,
                  path.to_user + path.to_kernel + path.at_transmit);
        EXPECT_EQ(figures.cpu_copies_per_byte_fentry.value, path.fentry);
        EXPECT_EQ(figures.observed, path.observed);
    }
}

/// At transmit a copy may go into pages as well, and only what is new there is one.
TEST(LedgerFigures, CopiesAtTransmitAreWhatIsMoreThanAtTheQueue)
{
    SeenTransfer seen = any_transfer();
    auto& queue = seen.counts().payload[LEDGER_QUEUE];
    auto& transmit = seen.counts().payload[LEDGER_TRANSMIT];
    queue[LEDGER_LINEAR] = kPayload / 4;
    queue[LEDGER_FILE] = kPayload - kPayload / 4;
    transmit[LEDGER_LINEAR] = kPayload / 2;
    transmit[LEDGER_PRIVATE] = kPayload / 2;
    EXPECT_EQ(seen.figures().copies_to_kernel_per_byte.value, 0.25);
    EXPECT_EQ(seen.figures().copies_at_transmit_per_byte.value, 0.75);
}

TEST(LedgerFigures, CopiesByTheReceiverAreOfNoSum)
{
    EXPECT_EQ(msg_zerocopy(false).figures().copied_by_receiver, std::nullopt);
    EXPECT_EQ(read_write().figures().copied_by_receiver, std::nullopt);
    const LedgerFigures figures = msg_zerocopy(true).figures();
    EXPECT_EQ(figures.copied_by_receiver, 1.0);
    EXPECT_EQ(figures.cpu_copies_per_byte.value, 0.0);
    EXPECT_THAT(figures.observed_evidence, HasSubstr("tcp_probe"));

    SeenTransfer hardly_seen = msg_zerocopy(true);
    hardly_seen.counts().payload[LEDGER_DELIVERY][LEDGER_PRIVATE] = kPayload / 2;
    EXPECT_EQ(hardly_seen.figures().copied_by_receiver, std::nullopt);
    EXPECT_EQ(hardly_seen.figures().observed, ZeroCopy::kZeroCopy);
}

TEST(LedgerFigures, WhatIsAboutTheWorkerDiskAndDevice)
{
    SeenTransfer seen = read_write();
    seen.reading->calls_after = {{"recvfrom", 2}};
    const LedgerFigures figures = seen.figures();
    EXPECT_EQ(figures.page_faults_per_mib.value, 32);
    EXPECT_EQ(figures.page_faults_per_turn.value, 2);
    EXPECT_EQ(figures.context_switches_per_mib.value, 3);
    EXPECT_EQ(figures.context_switches_involuntary_per_mib.value, 2);
    EXPECT_EQ(figures.dma_disk_per_byte.value, 1);
    EXPECT_EQ(figures.dma_disk_device_per_byte.value, 1.5);
    EXPECT_EQ(figures.cache_insertions_per_mib.value, 256);
    EXPECT_EQ(figures.dma_nic_per_byte.value, 1.0625);
    EXPECT_EQ(figures.cycles_per_byte.value, 3);
    EXPECT_EQ(figures.instructions_per_byte.value, 5);
    EXPECT_EQ(figures.llc_misses_per_kib.value, 7);
    EXPECT_THAT(figures.syscalls_after, ElementsAre(Pair("recvfrom", 2)));
}

TEST(LedgerFigures, DmaOfASoftwareDeviceIsEmulated)
{
    SeenTransfer seen = read_write();
    EXPECT_THAT(seen.figures().dma_nic_per_byte.evidence, Not(HasSubstr("emulated")));
    seen.nic_emulated = true;
    EXPECT_THAT(seen.figures().dma_nic_per_byte.evidence, HasSubstr("device has no DMA"));
    seen.nic_virtual = true;
    EXPECT_THAT(seen.figures().dma_nic_per_byte.evidence,
                HasSubstr("emulated: QEMU fetches what the driver's descriptors say"));
}

TEST(LedgerFigures, AfXdpIsSeenOnItsWayToTheDriver)
{
    using enum ZeroCopy;
    for (const auto& [place, copies, observed, evidence] :
         {std::tuple{LEDGER_LINEAR, 1.0, kCopied, "__dev_direct_xmit"},
          std::tuple{LEDGER_PRIVATE, 1.0, kCopied, "__dev_direct_xmit"},
          std::tuple{LEDGER_ANONYMOUS, 0.0, kZeroCopy, "__dev_direct_xmit"},
          std::tuple{LEDGER_UMEM, 0.0, kZeroCopy, "xsk_tx_peek_release_desc_batch"}}) {
        SeenTransfer seen = af_xdp_at_driver(place);
        const LedgerFigures figures = seen.figures();
        EXPECT_EQ(figures.cpu_copies_per_byte.value, copies);
        EXPECT_EQ(figures.observed, observed);
        EXPECT_THAT(figures.cpu_copies_per_byte.evidence, HasSubstr(evidence));
        seen.counts().payload[LEDGER_DRIVER][place] = kPayload / 2;
        EXPECT_FALSE(seen.figures().cpu_copies_per_byte.value);
        EXPECT_THAT(seen.figures().cpu_copies_per_byte.evidence, HasSubstr("at the driver stage"));
    }
    // A veth peer tells more: it has the packet itself.
    SeenTransfer seen = af_xdp(true);
    seen.counts().payload[LEDGER_DRIVER][LEDGER_ANONYMOUS] = kPayload;
    EXPECT_EQ(seen.figures().cpu_copies_per_byte.value, 1);
}

/// What its descriptors' addresses say, whatever the skbs of the link are.
TEST(LedgerFigures, ASoftwareNicTellsByAddresses)
{
    using enum ZeroCopy;
    SeenTransfer seen = af_xdp(true);
    const auto figures = [&](std::optional<std::uint64_t> inside, std::uint64_t elsewhere) {
        seen.software_nic = SoftwareNicEvidence{.bytes_fetched = kPayload + kPayload / 8,
                                                .payload_in_disk_memory = inside,
                                                .payload_elsewhere = elsewhere};
        return seen.figures();
    };
    EXPECT_EQ(figures(kPayload, 0).observed, kZeroCopy);
    EXPECT_EQ(figures(kPayload, 0).cpu_copies_per_byte.value, 0);
    EXPECT_EQ(figures(kPayload / 2, kPayload / 2).observed, kPartly);
    EXPECT_EQ(figures(kPayload / 2, kPayload / 2).copies_to_kernel_per_byte.value, 0.5);
    EXPECT_EQ(figures(0, kPayload).observed, kCopied);
    EXPECT_EQ(figures(kPayload, 0).dma_nic_per_byte.value, 1.125);
    EXPECT_THAT(figures(kPayload, 0).dma_nic_per_byte.evidence, HasSubstr("emulated"));

    // Not told, or not all of the payload seen: nothing is claimed.
    for (const LedgerFigures& unknown : {figures({}, 0), figures(kPayload - 1, 0)}) {
        EXPECT_EQ(unknown.observed, kUnknown);
        EXPECT_FALSE(unknown.cpu_copies_per_byte.value.has_value());
        EXPECT_THAT(unknown.observed_evidence, HasSubstr("unavailable"));
    }
    // A read(2) before is a copy all the same.
    seen.counts().call_bytes[LEDGER_READ_FILE] = kPayload;
    EXPECT_EQ(figures(kPayload, 0).cpu_copies_per_byte.value, 1);
}

/// A driver in the worker: what it copied nothing saw. Where it could not, there was nothing to
/// see.
TEST(LedgerFigures, AProtectedPayloadWasNotCopiedByADriverInTheWorker)
{
    SeenTransfer seen = af_xdp(false);
    seen.counts().payload[LEDGER_ARRIVAL][LEDGER_ANONYMOUS] = 0;
    seen.has_peer_device = false;
    const auto figures = [&](const UserspaceNicEvidence& nic) {
        seen.userspace_nic = nic;
        return seen.figures();
    };
    const UserspaceNicEvidence good{.kernel_driver = "vfio-pci",
                                    .payload_protected = true,
                                    .tx_bytes = kPayload + kPayload / 8};
    EXPECT_EQ(figures(good).cpu_copies_per_byte.value, 0);
    EXPECT_EQ(figures(good).observed, ZeroCopy::kZeroCopy);
    EXPECT_THAT(figures(good).observed_evidence, HasSubstr("PROT_NONE"));
    EXPECT_EQ(figures(good).dma_nic_per_byte.value, 1.125);
    EXPECT_FALSE(figures(good).cpu_copies_per_byte_fentry.value);

    const auto expect_unknown = [&](const UserspaceNicEvidence& nic, const char* why) {
        const LedgerFigures unknown = figures(nic);
        EXPECT_EQ(unknown.observed, ZeroCopy::kUnknown) << why;
        EXPECT_FALSE(unknown.cpu_copies_per_byte.value) << why;
        EXPECT_THAT(unknown.observed_evidence, HasSubstr(why));
    };
    UserspaceNicEvidence other = good;
    other.payload_protected = false;
    expect_unknown(other, "its driver runs in the worker");
    other = good;
    other.kernel_driver = "igb";
    expect_unknown(other, "the device is igb's for the kernel");
    other = good;
    other.tx_bytes = kPayload - 1;
    expect_unknown(other, "bytes sent of a payload of");
    other.tx_bytes = {};
    expect_unknown(other, "tells no count for one transfer");
    EXPECT_FALSE(figures(other).dma_nic_per_byte.value);
    seen.reading->calls["mprotect"] = 1;
    expect_unknown(good, "the worker called mprotect");
    seen.reading->calls.erase("mprotect");
    seen.reading->num_missed = 1;
    expect_unknown(good, "events were missed");
    seen.reading->num_missed = 0;

    // A read(2) before is a copy all the same.
    seen.counts().call_bytes[LEDGER_READ_FILE] = kPayload;
    EXPECT_EQ(figures(good).cpu_copies_per_byte.value, 1);
    EXPECT_EQ(seen.figures().observed, ZeroCopy::kCopied);
}

/// An engine over a packet socket: its packets pass the queue, and that is where they are judged.
TEST(LedgerFigures, APacketSocketsPacketsAreJudgedAtTheQueue)
{
    SeenTransfer seen = af_xdp(false); // at arrival they would look as if nobody had copied
    seen.counts().payload[LEDGER_QUEUE][LEDGER_PRIVATE] = kPayload;
    EXPECT_EQ(seen.figures().observed, ZeroCopy::kCopied);
    EXPECT_THAT(seen.figures().observed_evidence, HasSubstr("packet socket"));
    seen.counts().payload[LEDGER_QUEUE][LEDGER_PRIVATE] = kPayload / 2; // half went by unseen
    EXPECT_EQ(seen.figures().observed, ZeroCopy::kUnknown);
}

/// Of what read(2) and its like moved: which of it is a copy. sendfile's own path adds none.
TEST(LedgerFigures, CallsThatCopy)
{
    struct Calls {
        std::vector<std::pair<ledger_call_bytes, std::uint64_t>> bytes;
        double copies;
    };

    for (const auto& [bytes, copies] : std::vector<Calls>{
             {{{LEDGER_READ_FILE, kPayload}}, 1},
             {{{LEDGER_READ_DIRECT, kPayload}}, 0},
             {{{LEDGER_WRITE_SOCKET, kPayload}}, 0},
             {{{LEDGER_FILE_OTHER, kPayload}}, 1},
             {{{LEDGER_READ_FILE, kPayload}, {LEDGER_FILE_OTHER, kPayload / 2}}, 1.5},
             // Into a pipe and out of it; spliced in; spliced out again; some of it.
             {{{LEDGER_WRITE_PIPE, kPayload}, {LEDGER_READ_PIPE, kPayload}}, 2},
             {{{LEDGER_READ_PIPE, kPayload}}, 1},
             {{{LEDGER_WRITE_PIPE, kPayload}}, 0},
             {{{LEDGER_WRITE_PIPE, kPayload}, {LEDGER_READ_PIPE, kPayload / 4}}, 0.5}}) {
        SeenTransfer seen = sendfile(true);
        for (const auto& [kind, amount] : bytes)
            seen.counts().call_bytes[kind] = amount;
        EXPECT_EQ(seen.figures().copies_to_user_per_byte.value, copies) << bytes[0].first;
        EXPECT_EQ(seen.figures().cpu_copies_per_byte.value, copies) << bytes[0].first;
    }
}

TEST(LedgerFigures, BytesByWhereTheyWereSeenWithHeadersAndRetransmissionsApart)
{
    SeenTransfer seen = sendfile(false);
    seen.counts().header_bytes[LEDGER_QUEUE] = 66;
    seen.counts().header_bytes[LEDGER_TRANSMIT] = 6600;
    seen.counts().repeated_bytes[LEDGER_TRANSMIT] = kPayload / 2;
    seen.counts().call_bytes[LEDGER_READ_DIRECT] = 4096;
    const LedgerFigures figures = seen.figures();
    EXPECT_THAT(figures.payload_bytes,
                ElementsAre(Pair("calls/read_direct", 4096), Pair("queue/file", kPayload),
                            Pair("queue/headers", 66), Pair("transmit/headers", 6600),
                            Pair("transmit/linear", kPayload),
                            Pair("transmit/repeated", kPayload / 2)));
    EXPECT_EQ(figures.copies_at_transmit_per_byte.value, 1);
    EXPECT_EQ(figures.cpu_copies_per_byte.value, 1);
}

/// What makes no figure is there to be looked at all the same, each place under its name.
TEST(LedgerFigures, BytesAreShownWhereTheyMakeNoFigure)
{
    SeenTransfer seen = any_transfer();
    for (int place = 0; place < LEDGER_NUM_PLACES; ++place)
        seen.counts().payload[LEDGER_ARRIVAL][place] = static_cast<std::uint64_t>(place) + 1;
    for (int kind = 0; kind < LEDGER_NUM_CALL_BYTES; ++kind)
        seen.counts().call_bytes[kind] = static_cast<std::uint64_t>(kind) + 1;
    const LedgerFigures figures = seen.figures();
    EXPECT_FALSE(figures.cpu_copies_per_byte.value);
    EXPECT_THAT(figures.payload_bytes,
                UnorderedElementsAre(Pair("arrival/linear", 1), Pair("arrival/private", 2),
                                     Pair("arrival/file", 3), Pair("arrival/file_astray", 4),
                                     Pair("arrival/anonymous", 5), Pair("arrival/other", 6),
                                     Pair("arrival/disk", 7), Pair("arrival/umem", 8),
                                     Pair("calls/read_file", 1), Pair("calls/read_direct", 2),
                                     Pair("calls/read_pipe", 3), Pair("calls/write_pipe", 4),
                                     Pair("calls/write_socket", 5), Pair("calls/file_other", 6)));
}

/// The copying functions do not know a retransmission from what is sent first.
TEST(LedgerFigures, FentryLeavesOutRetransmissionsToo)
{
    SeenTransfer off = sendfile(false);
    off.counts().copier_bytes[LEDGER_SKB_COPY_BITS] = kPayload + kPayload / 2;
    off.counts().repeated_bytes[LEDGER_TRANSMIT] = kPayload / 2;
    EXPECT_EQ(off.figures().cpu_copies_per_byte_fentry.value, 1);

    SeenTransfer on = read_write();
    on.counts().repeated_bytes[LEDGER_TRANSMIT] = kPayload / 2; // from pages: not copied again
    EXPECT_EQ(on.figures().cpu_copies_per_byte_fentry.value, 2);
}

/// Without the ledger, and for want of one tracepoint, the worker's own figures stand in.
TEST(LedgerFigures, TheWorkerIsTheSecondBestWitness)
{
    SeenTransfer seen = read_write();
    seen.reading->absent["block_bio_queue"] = "no block_bio_queue";
    EXPECT_EQ(seen.figures().dma_disk_per_byte.value, 2);
    EXPECT_THAT(seen.figures().dma_disk_per_byte.evidence, HasSubstr("/proc/self/io"));
    EXPECT_EQ(seen.figures().page_faults_per_turn.value, 2);

    seen.reading.reset();
    seen.no_reading = "switched off";
    const LedgerFigures figures = seen.figures();
    EXPECT_EQ(figures.dma_disk_per_byte.value, 2);
    EXPECT_EQ(figures.page_faults_per_mib.value, 64);
    EXPECT_EQ(figures.page_faults_per_turn.value, 4);
    EXPECT_EQ(figures.context_switches_per_mib.value, 15);
    EXPECT_EQ(figures.context_switches_involuntary_per_mib.value, 5);
    EXPECT_THAT(figures.page_faults_per_turn.evidence, HasSubstr("getrusage(2)"));
}

TEST(ZeroCopyVerdict, ByTheShareThatLiesInCopiedMemory)
{
    for (const auto& [copied_share, name] :
         std::vector<std::pair<double, std::string_view>>{{0, "zero-copy"},
                                                          {0.009, "zero-copy"},
                                                          {0.011, "partly"},
                                                          {0.5, "partly"},
                                                          {0.989, "partly"},
                                                          {0.991, "copied"},
                                                          {1, "copied"}}) {
        SeenTransfer seen = sendfile(true);
        auto& transmit = seen.counts().payload[LEDGER_TRANSMIT];
        transmit[LEDGER_LINEAR] =
            static_cast<std::uint64_t>(copied_share * static_cast<double>(kPayload));
        transmit[LEDGER_FILE] = kPayload - transmit[LEDGER_LINEAR];
        EXPECT_EQ(zero_copy_name(seen.figures().observed), name) << copied_share;
    }
    EXPECT_EQ(zero_copy_name(LedgerFigures{}.observed), "unknown");
}

} // namespace
} // namespace pagewire::testbed
