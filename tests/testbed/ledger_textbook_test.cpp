// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/ledger/textbook.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pagewire::testbed {
namespace {

using ::testing::ElementsAre;

core::Method method(std::string_view name, const core::Textbook& textbook)
{
    core::Method result;
    result.name = name;
    result.textbook = textbook;
    return result;
}

const core::Method kReadWrite = method("read_write", {.crossings = 4, .cpu_copies = 2, .dma = 2});
constexpr std::array kNoScatterGather{
    core::FeatureNeed{.feature = "tx-scatter-gather", .on = false}};
const core::Method kSendfile = [] {
    core::Method result = method("sendfile", {.crossings = 2, .cpu_copies = 1, .dma = 2});
    result.needs = kNoScatterGather;
    return result;
}();
const core::Method kSendfileSg = method("sendfile_sg", {.crossings = 2, .cpu_copies = 0, .dma = 2});
const core::Method kMmapWrite = [] {
    core::Method result = method("mmap_write", {.crossings = 4, .cpu_copies = 1, .dma = 2});
    result.maps_file = true;
    return result;
}();
const core::Method kAfXdp = [] {
    core::Method result =
        method("af_xdp", {.crossings = 0, .cpu_copies = 0, .dma = 2, .cpu_copies_in_copy_mode = 1});
    result.family = core::Family::kDataplane;
    return result;
}();

constexpr std::uint64_t kTurns = 100;
constexpr const char* kDma = "tx_bytes";
constexpr const char* kEmulatedDma = "tx_bytes; emulated: a software device has no DMA";

/// The figures that the textbook has a word on.
struct Observed {
    double crossings = 0;
    double to_user = 0;
    double to_kernel = 0;
    double at_transmit = 0;
    double disk = 1;
    double nic = 1.04;
    const char* nic_evidence = kDma;
    std::optional<double> fentry = {};
    double faults = 0; ///< a turn
    std::vector<std::pair<std::string, std::uint64_t>> calls = {};
};

LedgerFigures figures_of(const Observed& observed)
{
    const auto seen = [](double value, const char* evidence = "seen") {
        return Figure{.value = value, .evidence = evidence};
    };
    LedgerFigures figures;
    figures.crossings_per_turn = seen(observed.crossings);
    figures.page_faults_per_turn = seen(observed.faults);
    figures.cpu_copies_per_byte =
        seen(observed.to_user + observed.to_kernel + observed.at_transmit);
    figures.copies_to_user_per_byte = seen(observed.to_user);
    figures.copies_to_kernel_per_byte = seen(observed.to_kernel);
    figures.copies_at_transmit_per_byte = seen(observed.at_transmit);
    figures.cpu_copies_per_byte_fentry =
        observed.fentry ? seen(*observed.fentry) : unavailable("fentry: Not supported");
    figures.dma_disk_per_byte = seen(observed.disk);
    figures.dma_nic_per_byte = seen(observed.nic, observed.nic_evidence);
    figures.syscalls = {observed.calls.begin(), observed.calls.end()};
    return figures;
}

struct Conditions {
    bool hot = false;
    bool map_per_chunk = false;
    std::optional<bool> scatter_gather = {};
    std::string mode = {};
    bool from_memory = false;
    bool sparse = false;
};

std::optional<TextbookVerdict> compared(const core::Method& method, const Conditions& conditions,
                                        const LedgerFigures& figures)
{
    return compare_with_textbook(method,
                                 {.hot = conditions.hot,
                                  .map_per_chunk = conditions.map_per_chunk,
                                  .from_memory = conditions.from_memory,
                                  .sparse = conditions.sparse,
                                  .scatter_gather = conditions.scatter_gather,
                                  .mode = conditions.mode,
                                  .num_turns = kTurns},
                                 figures);
}

struct Case {
    std::string_view name;
    const core::Method& method;
    Conditions conditions;
    Observed observed;
    std::vector<std::string> notes; ///< without any, the textbook is right
};

void expect_notes(const Case& c)
{
    SCOPED_TRACE(c.name);
    const auto verdict = compared(c.method, c.conditions, figures_of(c.observed));
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->agrees, c.notes.empty());
    EXPECT_EQ(verdict->notes, c.notes);
}

const Conditions kSgOn{.scatter_gather = true};
const Conditions kSgOff{.scatter_gather = false};

TEST(Textbook, AgreesWithEachMethodOnItsOwnGround)
{
    const Conditions by_chunk{.map_per_chunk = true, .scatter_gather = true};
    const Conditions copy_mode{.scatter_gather = true, .mode = "copy"};
    const Conditions zero_copy_mode{.scatter_gather = true, .mode = "zero-copy"};
    for (const Case& c : std::vector<Case>{
             {"read_write", kReadWrite, kSgOn, {.crossings = 4, .to_user = 1, .to_kernel = 1}, {}},
             {"mmap_write", kMmapWrite, by_chunk, {.crossings = 4, .to_kernel = 1}, {}},
             {"sendfile", kSendfile, kSgOff, {.crossings = 2, .at_transmit = 1}, {}},
             {"sendfile_sg", kSendfileSg, kSgOn, {.crossings = 2}, {}},
             {"af_xdp", kAfXdp, zero_copy_mode, {.crossings = 0.1}, {}},
             {"af_xdp, copy mode", kAfXdp, copy_mode, {.crossings = 0.1, .to_kernel = 1}, {}}})
        expect_notes(c);
}

TEST(Textbook, RepeatsThePrediction)
{
    const auto verdict = compared(kReadWrite, {}, figures_of({}));
    EXPECT_EQ(verdict->crossings, 4);
    EXPECT_EQ(verdict->cpu_copies, 2);
    EXPECT_EQ(verdict->dma, 2);
    EXPECT_EQ(compared(kAfXdp, {.mode = "copy"}, figures_of({}))->cpu_copies, 1);
    EXPECT_EQ(compared(kAfXdp, {.mode = "zero-copy"}, figures_of({}))->cpu_copies, 0);
    // The method without a word on copy mode has one number.
    EXPECT_EQ(compared(kSendfile, {.mode = "copy"}, figures_of({}))->cpu_copies, 1);
}

TEST(Textbook, SaysNothingOfAMethodThatItDoesNotKnow)
{
    EXPECT_EQ(compared(core::Method{}, {}, figures_of({})), std::nullopt);
}

TEST(Textbook, ADifferenceHasItsSentence)
{
    for (const Case& c : std::vector<Case>{
             {"hot cache",
              kSendfile,
              {.hot = true, .scatter_gather = false},
              {.crossings = 2, .at_transmit = 1, .disk = 0},
              {"hot cache: no disk DMA"}},
             {"cold, and nothing read",
              kSendfile,
              kSgOff,
              {.crossings = 2, .at_transmit = 1, .disk = 0},
              {"disk DMA 0.00 times: others brought the rest"}},
             {"holes",
              kSendfile,
              {.scatter_gather = false, .sparse = true},
              {.crossings = 2, .at_transmit = 1, .disk = 0.5},
              {"disk DMA 0.50 times: the file's holes have no blocks"}},
             {"from memory",
              kAfXdp,
              {.mode = "copy", .from_memory = true},
              {.crossings = 0, .to_kernel = 1, .disk = 0},
              {"the payload was in memory: no disk DMA"}},
             {"read-ahead",
              kSendfile,
              kSgOff,
              {.crossings = 2, .at_transmit = 1, .disk = 1.25},
              {"disk DMA 1.25 times: whole pages and read-ahead beyond the range, or others who "
               "read the file"}},
             {"small packets",
              kSendfile,
              kSgOff,
              {.crossings = 2, .at_transmit = 1, .nic = 1.2},
              {"NIC DMA 1.20 times: headers, retransmissions, other traffic of the device"}},
             {"hot, and half read all the same",
              kSendfile,
              {.hot = true, .scatter_gather = false},
              {.crossings = 2, .at_transmit = 1, .disk = 0.5},
              {"disk DMA 0.50 times: others brought the rest"}},
             {"one mapping",
              kMmapWrite,
              kSgOn,
              {.crossings = 2, .to_kernel = 1, .faults = 1.25},
              {"one mapping for the whole file: a turn is a write(2), and page faults take "
               "mmap(2)'s "
               "place"}},
             {"a mapping for each turn, and calls that are not there",
              kMmapWrite,
              {.map_per_chunk = true, .scatter_gather = true},
              {.crossings = 2,
              .to_kernel = 1,
              .calls = {{"futex", 0}, {"mmap", 1}, {"write", kTurns}}},
              {"calls a turn: mmap 0.01, write 1.00"}},
             {"an engine that calls",
              kAfXdp,
              {.mode = "zero-copy"},
              {.crossings = 1, .calls = {{"io_uring_enter", 20}, {"sendto", 30}}},
              {"a batch of packets needs the kernel: calls a turn: io_uring_enter 0.20, "
               "sendto 0.30"}},
             {"a third copy",
              kReadWrite,
              kSgOff,
              {.crossings = 4, .to_user = 1, .to_kernel = 1, .at_transmit = 1},
              {"scatter/gather is off: one copy more, at transmit"}},
             {"a copy at transmit, and one too few before it",
              kReadWrite,
              kSgOff,
              {.crossings = 4, .to_kernel = 0.5, .at_transmit = 1},
              {"copies: 0.00 to user, 0.50 to kernel, 1.00 at transmit"}},
             {"without scatter/gather a copy too few",
              kReadWrite,
              kSgOff,
              {.crossings = 4, .to_kernel = 1},
              {"copies: 0.00 to user, 1.00 to kernel, 0.00 at transmit"}},
             {"a copy that falls away",
              kSendfile,
              kSgOn,
              {.crossings = 2},
              {"scatter/gather is on: the copy at transmit falls away"}},
             {"copies that no condition explains",
              kSendfileSg,
              kSgOn,
              {.crossings = 2, .to_user = 1, .to_kernel = 0.5, .at_transmit = 0.25},
              {"copies: 1.00 to user, 0.50 to kernel, 0.25 at transmit"}},
             {"copies with scatter/gather unknown",
              kSendfile,
              {},
              {.crossings = 2},
              {"copies: 0.00 to user, 0.00 to kernel, 0.00 at transmit"}},
             {"copies in zero-copy mode",
              kAfXdp,
              {.scatter_gather = true, .mode = "zero-copy"},
              {.to_kernel = 1},
              {"copies: 0.00 to user, 1.00 to kernel, 0.00 at transmit"}},
             {"sent twice",
              kSendfileSg,
              kSgOn,
              {.crossings = 2, .nic = 2.08},
              {"NIC DMA 2.08 times: headers, retransmissions, other traffic of the device"}},
             {"each by itself, in the order of the path",
              kReadWrite,
              {.hot = true, .scatter_gather = false},
              {.crossings = 2,
              .to_user = 1,
              .to_kernel = 1,
              .at_transmit = 1,
              .disk = 0,
              .nic = 0.5,
              .fentry = 2,
              .calls = {{"read", kTurns}}},
              {"calls a turn: read 1.00", "scatter/gather is off: one copy more, at transmit",
               "hot cache: no disk DMA", "NIC DMA 0.50 times",
               "page identity counts 3.00 copies, fentry 2.00"}}})
        expect_notes(c);
}

TEST(Textbook, TwoWitnessesMayDifferByTwoPercentOfACopyOrMore)
{
    const auto words = [](const char* pages, const char* fentry) {
        return std::vector<std::string>{std::string("page identity counts ") + pages +
                                        " copies, fentry " + fentry};
    };
    for (const Case& c : std::vector<Case>{
             {"2 %",
              kReadWrite,
              kSgOn,
              {.crossings = 4, .to_user = 1, .to_kernel = 1, .fentry = 2.035},
              {}},
             {"more",
              kReadWrite,
              kSgOn,
              {.crossings = 4, .to_user = 1, .to_kernel = 1, .fentry = 2.05},
              words("2.00", "2.05")},
             {"less",
              kReadWrite,
              kSgOn,
              {.crossings = 4, .to_user = 1, .to_kernel = 1, .fentry = 1.9},
              words("2.00", "1.90")},
             {"below one copy", kSendfileSg, kSgOn, {.crossings = 2, .fentry = 0.015}, {}},
             {"above it",
              kSendfileSg,
              kSgOn,
              {.crossings = 2, .fentry = 0.03},
              words("0.00", "0.03")}})
        expect_notes(c);
}

/// Calls cut in two, headers, tails and read-ahead are no finding.
TEST(Textbook, Tolerances)
{
    struct Tolerance {
        Observed observed;
        bool agrees;
    };

    for (const auto& [observed, agrees] : std::vector<Tolerance>{
             {{.crossings = 2.19}, true},
             {{.crossings = 2.21}, false},
             {{.crossings = 1.79}, false},
             {{.crossings = 2, .to_kernel = 0.029}, true},
             {{.crossings = 2, .to_kernel = 0.031}, false},
             {{.crossings = 2, .disk = 1.019}, true},
             {{.crossings = 2, .disk = 1.021}, false},
             {{.crossings = 2, .disk = 0.979}, false},
             {{.crossings = 2, .nic = 1.099}, true},
             {{.crossings = 2, .nic = 1.101}, false},
         }) {
        const auto verdict = compared(kSendfileSg, {.scatter_gather = true}, figures_of(observed));
        EXPECT_EQ(verdict->agrees, agrees) << observed.crossings << ' ' << observed.to_kernel << ' '
                                           << observed.disk << ' ' << observed.nic;
    }
}

TEST(Textbook, FewerCrossingsThanAtMostAreNoDifference)
{
    const core::Method at_most =
        method("batches", {.crossings = 2, .cpu_copies = 0, .dma = 2, .crossings_at_most = true});
    EXPECT_EQ(compared(at_most, kSgOn, figures_of({.crossings = 0.5}))->agrees, true);
    EXPECT_EQ(compared(at_most, kSgOn, figures_of({.crossings = 2.5}))->agrees, false);
    EXPECT_EQ(compared(kSendfileSg, kSgOn, figures_of({.crossings = 0.5}))->agrees, false);
}

TEST(Textbook, TheReceiversCopyIsARemarkAndNoDifference)
{
    LedgerFigures figures = figures_of({.crossings = 2});
    figures.copied_by_receiver = 1;
    const auto verdict = compared(kSendfileSg, kSgOn, figures);
    EXPECT_EQ(verdict->agrees, true);
    EXPECT_EQ(verdict->notes, (std::vector<std::string>{
                                  "the receiver is on this machine: 1.00 copies a byte behind "
                                  "the sending device, in place of a NIC's DMA"}));
}

TEST(Textbook, EmulatedDmaIsARemarkAndNoDifference)
{
    const auto verdict =
        compared(kSendfileSg, kSgOn, figures_of({.crossings = 2, .nic_evidence = kEmulatedDma}));
    EXPECT_EQ(verdict->agrees, true);
    EXPECT_THAT(verdict->notes, ElementsAre("NIC DMA emulated"));
}

TEST(Textbook, UndecidedWhereAFigureIsMissing)
{
    struct Missing {
        Figure LedgerFigures::*figure;
        std::string note;
    };

    for (const Missing& missing :
         std::vector<Missing>{{&LedgerFigures::crossings_per_turn, "crossings unavailable: no BTF"},
                              {&LedgerFigures::cpu_copies_per_byte, "copies unavailable: no BTF"},
                              {&LedgerFigures::dma_disk_per_byte, "disk DMA unavailable: no BTF"},
                              {&LedgerFigures::dma_nic_per_byte, "NIC DMA unavailable: no BTF"}}) {
        LedgerFigures figures = figures_of({.crossings = 2});
        figures.*missing.figure = unavailable("no BTF");
        const auto verdict = compared(kSendfileSg, kSgOn, figures);
        EXPECT_EQ(verdict->agrees, std::nullopt) << missing.note;
        EXPECT_THAT(verdict->notes, ElementsAre(missing.note));
    }
}

/// A second witness that stays away leaves the first.
TEST(Textbook, DecidedWithoutFentry)
{
    LedgerFigures figures = figures_of({.crossings = 2});
    ASSERT_FALSE(figures.cpu_copies_per_byte_fentry.value);
    EXPECT_EQ(compared(kSendfileSg, kSgOn, figures)->agrees, true);
}

TEST(Textbook, DifferencesBeforeWhatIsMissingBeforeRemarks)
{
    LedgerFigures figures = figures_of({.crossings = 2, .disk = 0, .nic_evidence = kEmulatedDma});
    figures.cpu_copies_per_byte = unavailable("no BTF");
    const auto verdict = compared(kSendfileSg, {.hot = true, .scatter_gather = true}, figures);
    EXPECT_EQ(verdict->agrees, std::nullopt);
    EXPECT_THAT(verdict->notes, ElementsAre("hot cache: no disk DMA", "copies unavailable: no BTF",
                                            "NIC DMA emulated"));
}

} // namespace
} // namespace pagewire::testbed
