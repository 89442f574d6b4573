// SPDX-License-Identifier: BSD-3-Clause
#include "tests/testbed/plan_expect.hpp"

#include "core/units.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

namespace pagewire::testbed {
namespace {

using core::kGiB;
using core::kKiB;
using core::kMiB;
using core::Wire;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// One figure of the plan, in the file and in the finished plan.
struct Figure {
    std::string_view table;
    std::string_view key;
    std::vector<std::int64_t> inside;
    std::vector<std::int64_t> outside;
    std::string_view advice; ///< end of the message
    void (*set)(Plan&, std::int64_t);
};

template<auto member>
void set(Plan& plan, std::int64_t value)
{
    using Field = std::remove_reference_t<decltype(plan.*member)>;
    plan.*member = static_cast<Field>(value);
}

template<auto member>
void set_dataplane(Plan& plan, std::int64_t value)
{
    using Field = std::remove_reference_t<decltype(plan.dataplane.*member)>;
    plan.dataplane.*member = static_cast<Field>(value);
}

constexpr auto kGiBSigned = static_cast<std::int64_t>(kGiB);
constexpr auto kMiBSigned = static_cast<std::int64_t>(kMiB);
constexpr std::int64_t kPiB = kMiBSigned * kGiBSigned;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

const std::vector<Figure>& figures()
{
    using core::DataplaneJob;
    static const std::vector<Figure> all{
        {"file",
         "size",
         {1, kPiB},
         {-1, 0, kPiB + 1, kMost},
         "write 1 B to 1 PiB",
         set<&Plan::generated_bytes>},
        {"file", "offset", {0, 4095}, {-1, kPiB + 1}, "write 0 B to 1 PiB", set<&Plan::offset>},
        {"file", "length", {0, 4095}, {-1, kPiB + 1}, "write 0 B to 1 PiB", set<&Plan::length>},
        {"run",
         "rounds",
         {1, 1000},
         {-1, 0, 1001, (1LL << 32) + 1},
         "write 1 to 1000",
         set<&Plan::rounds>},
        {"run", "rounds_max", {0, 6, 1000}, {-1, 1001}, "write 0 to 1000", set<&Plan::rounds_max>},
        {"run", "warmup", {0, 100}, {-1, 101}, "write 0 to 100", set<&Plan::warmup>},
        {"run",
         "target_percent",
         {1, 100},
         {-1, 0, 101},
         "write 1 to 100",
         set<&Plan::target_percent>},
        {"run", "seed", {0, kMost}, {-1}, "write 0 to 9223372036854775807", set<&Plan::seed>},
        {"run",
         "chunk",
         {1, kGiBSigned},
         {-1, 0, kGiBSigned + 1},
         "write 1 B to 1 GiB",
         set<&Plan::chunk_bytes>},
        {"run",
         "time_limit_s",
         {1, 3600},
         {-1, 0, 3601},
         "write 1 to 3600",
         [](Plan& plan, std::int64_t value) { plan.time_limit = std::chrono::seconds(value); }},
        {"link",
         "mtu",
         {576, 65535},
         {-1, 575, 65536, (1LL << 32) + 1500},
         "write 576 to 65535",
         set<&Plan::mtu>},
        {"link",
         "queues",
         {1, 64},
         {-1, 0, 65, 1LL << 32},
         "write 1 to 64",
         set<&Plan::num_queues>},
        {"dataplane",
         "queue",
         {0, 4095},
         {-1, 4096, 1LL << 32},
         "write 0 to 4095",
         set_dataplane<&DataplaneJob::queue>},
        {"dataplane",
         "umem",
         {kMiBSigned, kGiBSigned},
         {-1, 0, kMiBSigned - 1, kGiBSigned + 1},
         "write 1 MiB to 1 GiB",
         set_dataplane<&DataplaneJob::umem_bytes>},
        {"dataplane",
         "frame",
         {4096, 8192, 12288, kMiBSigned},
         {-1, 0, 4095, 4097, 6144, kMiBSigned + 4096, (1LL << 32) + 4096},
         "write a multiple of 4 KiB, 4 KiB to 1 MiB",
         set_dataplane<&DataplaneJob::frame_bytes>},
        {"dataplane",
         "disk_depth",
         {1, 256},
         {-1, 0, 257},
         "write 1 to 256",
         set_dataplane<&DataplaneJob::disk_depth>},
        {"dataplane",
         "ring",
         {64, 128, 32768},
         {-1, 0, 32, 63, 100, 2047, 65536},
         "write a power of two, 64 to 32768",
         set_dataplane<&DataplaneJob::ring_entries>},
    };
    return all;
}

class PlanFigure : public ::testing::TestWithParam<Figure> {};

std::string figure_name(const ::testing::TestParamInfo<Figure>& info)
{
    return fmt::format("{}_{}", info.param.table, info.param.key);
}

INSTANTIATE_TEST_SUITE_P(All, PlanFigure, ::testing::ValuesIn(figures()), figure_name);

TEST_P(PlanFigure, InTheFile)
{
    const Figure& figure = GetParam();
    for (const std::int64_t value : figure.inside)
        EXPECT_NO_THROW(
            (void)parsed(fmt::format("[{}]\n{} = {}", figure.table, figure.key, value)));
    for (const std::int64_t value : figure.outside) {
        EXPECT_EQ(parse_error(fmt::format("# a comment\n[{}]\n\n{} = {}\n", figure.table,
                                          figure.key, value)),
                  fmt::format("plan.toml:4:{}: {}.{}: {} is not possible: {}",
                              figure.key.size() + 4, figure.table, figure.key, value,
                              figure.advice));
    }
}

TEST_P(PlanFigure, InTheFinishedPlan)
{
    const Figure& figure = GetParam();
    Plan plan;
    plan.dataplane.umem_bytes = kGiB;
    plan.dataplane.frame_bytes = 4096;
    for (const std::int64_t value : figure.inside) {
        figure.set(plan, value);
        expect_valid(plan);
    }
    for (const std::int64_t value : figure.outside) {
        Plan changed = plan;
        figure.set(changed, value);
        const bool field_holds_it =
            value >= 0 && value <= std::numeric_limits<std::uint32_t>::max();
        if (!field_holds_it)
            continue;
        const std::string error = invalid(changed);
        EXPECT_THAT(error, StartsWith(fmt::format("{}.{}: {}", figure.table, figure.key, value)));
        EXPECT_THAT(error, EndsWith(figure.advice));
    }
}

TEST(ValidatePlan, Methods)
{
    Plan plan;
    plan.methods = {};
    EXPECT_EQ(invalid(plan),
              "run.methods: is empty: name at least one of read_write, mmap_write, sendfile, "
              "sendfile_sg, "
              "af_xdp, dpdk, null");
    plan.methods = {"sendfile", "teleport"};
    EXPECT_EQ(
        invalid(plan),
        "run.methods: unknown method \"teleport\": known are read_write, mmap_write, sendfile, "
        "sendfile_sg, "
        "af_xdp, dpdk, null");
    plan.methods = {"sendfile", "read_write", "sendfile"};
    EXPECT_EQ(invalid(plan), "run.methods: \"sendfile\" stands there twice: leave one away");
    plan.methods = {"null"};
    expect_valid(plan);
}

TEST(ValidatePlan, Wire)
{
    Plan plan;
    plan.wire = Wire::kUdp;
    expect_valid(plan);
    plan.methods = {"sendfile", "null"};
    EXPECT_EQ(invalid(plan),
              "run.wire: none of the plan's methods uses udp: add one of af_xdp, dpdk");
    plan.wire = Wire::kTcp;
    expect_valid(plan);
    const std::array only_udp{kKnown[4]};
    plan.methods = {"af_xdp"};
    EXPECT_EQ(
        error_of([&] { validate_plan(plan, only_udp); }),
        "run.wire: none of the plan's methods uses tcp: no known method does: leave the key away");
}

TEST(ValidatePlan, WireNamesTheSameMethodOnTheOther)
{
    const std::array known{method("read_write", Wire::kTcp), method("sendfile_sg", Wire::kTcp),
                           method("read_write_udp", Wire::kUdp), method("af_xdp", Wire::kUdp)};
    const std::array<const core::Method*, 4> all{&known[0], &known[1], &known[2], &known[3]};
    const auto refusal = [&](std::vector<std::string> methods, Wire wire) {
        Plan plan;
        plan.methods = std::move(methods);
        plan.wire = wire;
        return error_of([&] { validate_plan(plan, all); });
    };
    EXPECT_EQ(refusal({"sendfile_sg", "read_write"}, Wire::kUdp),
              "run.wire: none of the plan's methods uses udp: add one of read_write_udp");
    EXPECT_EQ(refusal({"read_write_udp"}, Wire::kTcp),
              "run.wire: none of the plan's methods uses tcp: add one of read_write");
    EXPECT_EQ(refusal({"sendfile_sg"}, Wire::kUdp),
              "run.wire: none of the plan's methods uses udp: add one of read_write_udp, af_xdp");
}

TEST(ValidatePlan, Cache)
{
    Plan plan;
    plan.cache = {};
    EXPECT_EQ(invalid(plan), "run.cache: is empty: name \"cold\", \"hot\" or both");
    plan.cache = {CacheState::kHot, CacheState::kHot};
    EXPECT_EQ(invalid(plan), "run.cache: \"hot\" stands there twice: leave one away");
    plan.cache = {CacheState::kHot};
    expect_valid(plan);
}

TEST(ValidatePlan, RangeOfTheGeneratedFile)
{
    Plan plan;
    plan.generated_bytes = kMiB;
    plan.offset = kMiB - 1;
    expect_valid(plan);
    plan.length = 1;
    expect_valid(plan);
    const std::string_view beyond = "reach beyond the generated file of 1 MiB";
    plan.length = 2;
    EXPECT_THAT(invalid(plan), HasSubstr(beyond));
    plan.length = 0;
    plan.offset = kMiB;
    EXPECT_THAT(invalid(plan), HasSubstr(beyond));
    plan.path = "a file of its own size";
    expect_valid(plan);
}

TEST(ValidatePlan, FramesFitTheUmem)
{
    Plan plan;
    plan.dataplane.umem_bytes = kMiB;
    plan.dataplane.frame_bytes = 256 * kKiB;
    expect_valid(plan);
    plan.dataplane.frame_bytes += 4096;
    EXPECT_EQ(invalid(plan),
              "dataplane.frame: 260 KiB is more than a quarter of the UMEM (1 MiB): lower "
              "dataplane.frame, or raise dataplane.umem");
}

TEST(ValidatePlan, Rate)
{
    Plan plan;
    for (const double figure : {0.0, 0.001, 400.0}) {
        plan.dataplane.rate = {.gbps = figure};
        expect_valid(plan);
        plan.dataplane.rate = {.packets_per_s = figure};
        expect_valid(plan);
    }
    for (const double figure : {-1.0, static_cast<double>(INFINITY), std::nan("")}) {
        plan.dataplane.rate = {.gbps = figure};
        EXPECT_THAT(invalid(plan), StartsWith("dataplane.rate: "));
        plan.dataplane.rate = {.packets_per_s = figure};
        EXPECT_THAT(invalid(plan), StartsWith("dataplane.rate: "));
    }
    plan.dataplane.rate = {.gbps = 1, .packets_per_s = 1};
    EXPECT_THAT(invalid(plan), StartsWith("dataplane.rate: 1 Gb/s, 1 pps is not possible: "));
}

TEST(ValidatePlan, Arms)
{
    Plan plan;
    plan.arms = {Arm{.name = "a", .features = {}}, Arm{.name = "b", .features = {}}};
    expect_valid(plan);
    plan.arms[1].name = "a";
    EXPECT_EQ(invalid(plan), "arms.name: \"a\" stands there twice: leave one away");
    plan.arms[1].name = "";
    EXPECT_EQ(invalid(plan), "arms.name: is empty: give each arm a name");
}

TEST(ValidatePlan, Lab)
{
    Plan plan;
    plan.interface = "eth0";
    EXPECT_THAT(invalid(plan), HasSubstr("belong to the host lab"));
    plan.interface = "";
    plan.peer = "192.0.2.1:7000";
    EXPECT_THAT(invalid(plan), HasSubstr("belong to the host lab"));
    plan.lab = LabKind::kHost;
    EXPECT_THAT(invalid(plan), StartsWith("lab.interface: "));
    plan.interface = "eth0";
    expect_valid(plan);
    plan.peer = "";
    EXPECT_THAT(invalid(plan), StartsWith("lab.peer: "));
}

TEST(ValidatePlan, VirtualLab)
{
    Plan plan;
    plan.lab = LabKind::kVm;
    expect_valid(plan);
    for (const char* port : {"igb0", "virtio0"}) {
        plan.interface = port;
        expect_valid(plan);
    }
    const auto refused = [](auto change) {
        Plan changed;
        changed.lab = LabKind::kVm;
        change(changed);
        return invalid(changed);
    };
    EXPECT_EQ(refused([](Plan& p) { p.interface = "igb1"; }),
              "lab.interface: the vm lab sends from igb0 or virtio0, and not from \"igb1\"");
    EXPECT_THAT(refused([](Plan& p) { p.peer = "192.0.2.1:7000"; }), StartsWith("lab.peer and "));
    EXPECT_THAT(refused([](Plan& p) { p.allow_nic_changes = true; }), StartsWith("lab.peer and "));
    EXPECT_THAT(refused([](Plan& p) { p.path = "/data/film"; }), StartsWith("file.path: the vm "));
    EXPECT_THAT(refused([](Plan& p) { p.latency.emplace(); }), StartsWith("latency: the vm lab's"));
    EXPECT_THAT(refused([](Plan& p) {
                    p.matrix.mtu = {1500, 9000};
                }),
                StartsWith("link.mtu: the vm lab has one wire"));
}

TEST(ValidatePlan, NicChangesAreOfTheHostLab)
{
    Plan plan;
    plan.allow_nic_changes = true;
    EXPECT_THAT(invalid(plan), StartsWith("lab.allow_nic_changes (--allow-nic-changes)"));
    plan.lab = LabKind::kHost;
    plan.interface = "eth0";
    plan.peer = "192.0.2.1:7000";
    expect_valid(plan);
}

TEST(ParseWords, CacheStateAndWire)
{
    EXPECT_EQ(parse_cache_state("cold"), CacheState::kCold);
    EXPECT_EQ(parse_cache_state("hot"), CacheState::kHot);
    EXPECT_EQ(error_of([] { (void)parse_cache_state("Hot"); }),
              "\"Hot\" is not a cache state: write \"cold\" or \"hot\"");
    EXPECT_EQ(parse_wire("tcp"), Wire::kTcp);
    EXPECT_EQ(parse_wire("udp"), Wire::kUdp);
    EXPECT_EQ(error_of([] { (void)parse_wire(""); }),
              "\"\" is not a wire: write \"tcp\" or \"udp\"");
}

TEST(ValidatePlan, AnAfXdpSinkJudgesNoChecksum)
{
    Plan plan;
    plan.sink = SinkKind::kAfXdp;
    expect_valid(plan);
    for (const auto mode : {core::ChecksumMode::kOffload, core::ChecksumMode::kSidecar}) {
        plan.dataplane.checksum = mode;
        EXPECT_EQ(invalid(plan),
                  "run.sink: \"af_xdp\" judges no UDP checksum: write \"kernel\", or "
                  "dataplane.checksum = \"none\"");
    }
    plan.sink = SinkKind::kKernel;
    expect_valid(plan);
}

TEST(ParseWords, Sink)
{
    using enum SinkKind;
    for (const auto& [word, sink] : std::vector<std::pair<std::string_view, SinkKind>>{
             {"kernel", kKernel}, {"af_xdp", kAfXdp}}) {
        EXPECT_EQ(parse_sink_kind(word), sink) << word;
        EXPECT_EQ(sink_name(sink), word);
    }
    EXPECT_EQ(error_of([] { (void)parse_sink_kind("udp"); }),
              "\"udp\" is not a sink: write \"kernel\" or \"af_xdp\"");
}

TEST(ReceiverName, IsOfTheWireAndOnTheUdpWireOfTheSink)
{
    EXPECT_EQ(receiver_name(SinkKind::kKernel, Wire::kTcp), "tcp");
    EXPECT_EQ(receiver_name(SinkKind::kKernel, Wire::kUdp), "udp");
    EXPECT_EQ(receiver_name(SinkKind::kAfXdp, Wire::kTcp), "tcp");
    EXPECT_EQ(receiver_name(SinkKind::kAfXdp, Wire::kUdp), "af_xdp");
}

TEST(ParseWords, LedgerMode)
{
    using enum LedgerMode;
    for (const auto& [word, mode] : std::vector<std::pair<std::string_view, LedgerMode>>{
             {"apart", kApart}, {"with", kWith}, {"off", kOff}}) {
        EXPECT_EQ(parse_ledger_mode(word), mode) << word;
        EXPECT_EQ(ledger_mode_name(mode), word);
    }
    EXPECT_EQ(error_of([] { (void)parse_ledger_mode("Off"); }),
              "\"Off\" is not a ledger mode: write \"apart\" or \"with\" or \"off\"");
}

TEST(PlanCheck, RoundsMaxIsMoreThanRoundsAndEnoughForAnInterval)
{
    Plan plan;
    plan.rounds = 10;
    plan.rounds_max = 9;
    EXPECT_EQ(error_of([&] { validate_plan(plan, kKnown); }),
              "run.rounds_max: 9 is less than run.rounds, 10: raise it, or leave it away");
    plan.rounds = 1;
    plan.rounds_max = 5;
    EXPECT_EQ(error_of([&] { validate_plan(plan, kKnown); }),
              "run.rounds_max: 5 rounds give no interval that a target could be for: write 6 or "
              "more");
    plan.rounds_max = 6;
    validate_plan(plan, kKnown);
}

TEST(PlanCheck, TheBaselineIsOneOfTheMethods)
{
    Plan plan;
    EXPECT_EQ(plan.baseline_method(), plan.methods.front());
    plan.baseline = "null";
    EXPECT_EQ(error_of([&] { validate_plan(plan, kKnown); }),
              "run.baseline: null is none of run.methods: add it there, or name another");
    plan.baseline = "sendfile";
    validate_plan(plan, kKnown);
    EXPECT_EQ(plan.baseline_method(), "sendfile");
}

} // namespace
} // namespace pagewire::testbed
