// SPDX-License-Identifier: BSD-3-Clause
#include "tests/testbed/plan_expect.hpp"

#include "core/units.hpp"
#include "testbed/registry.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace pagewire::testbed {
namespace {

using core::kGiB;
using core::kKiB;
using core::kMiB;
using core::Wire;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

/// Every field but the arms.
void expect_same_but_arms(const Plan& plan, const Plan& expected)
{
    EXPECT_EQ(plan.path, expected.path);
    EXPECT_EQ(plan.generated_bytes, expected.generated_bytes);
    EXPECT_EQ(plan.offset, expected.offset);
    EXPECT_EQ(plan.length, expected.length);
    EXPECT_EQ(plan.methods, expected.methods);
    EXPECT_EQ(plan.cache, expected.cache);
    EXPECT_EQ(plan.wire, expected.wire);
    EXPECT_EQ(plan.sink, expected.sink);
    EXPECT_EQ(plan.rounds, expected.rounds);
    EXPECT_EQ(plan.rounds_max, expected.rounds_max);
    EXPECT_EQ(plan.warmup, expected.warmup);
    EXPECT_EQ(plan.target_percent, expected.target_percent);
    EXPECT_EQ(plan.baseline, expected.baseline);
    EXPECT_EQ(plan.seed, expected.seed);
    EXPECT_EQ(plan.chunk_bytes, expected.chunk_bytes);
    EXPECT_EQ(plan.verify, expected.verify);
    EXPECT_EQ(plan.ceilings, expected.ceilings);
    EXPECT_EQ(plan.ledger, expected.ledger);
    EXPECT_EQ(plan.time_limit, expected.time_limit);
    EXPECT_EQ(plan.mtu, expected.mtu);
    EXPECT_EQ(plan.num_queues, expected.num_queues);
    EXPECT_EQ(plan.dataplane.queue, expected.dataplane.queue);
    EXPECT_EQ(plan.dataplane.umem_bytes, expected.dataplane.umem_bytes);
    EXPECT_EQ(plan.dataplane.frame_bytes, expected.dataplane.frame_bytes);
    EXPECT_EQ(plan.dataplane.disk_depth, expected.dataplane.disk_depth);
    EXPECT_EQ(plan.dataplane.ring_entries, expected.dataplane.ring_entries);
    EXPECT_EQ(plan.dataplane.source, expected.dataplane.source);
    EXPECT_EQ(plan.dataplane.rate, expected.dataplane.rate);
    EXPECT_EQ(plan.dataplane.fault, expected.dataplane.fault);
    EXPECT_EQ(plan.lab, expected.lab);
    EXPECT_EQ(plan.interface, expected.interface);
    EXPECT_EQ(plan.peer, expected.peer);
    EXPECT_FALSE(plan.allow_nic_changes);
}

TEST(ParsePlan, EmptyTextGivesTheDefaults)
{
    const Plan plan = parsed("");
    expect_same_but_arms(plan, Plan{});
    EXPECT_THAT(plan.arms, IsEmpty());
    expect_valid(plan);
}

TEST(ParsePlan, EveryKey)
{
    const Plan plan = parsed(R"(
[file]
path = "data/film.bin"
offset = "4 KiB"
length = 1048576

[run]
methods = ["sendfile", "af_xdp"]
cache = ["hot", "cold"]
wire = "udp"
sink = "af_xdp"
rounds = 7
rounds_max = 70
warmup = 2
target_percent = 3
baseline = "sendfile"
seed = 42
chunk = "128 KiB"
verify = false
ceilings = false
ledger = "off"
time_limit_s = 90

[link]
mtu = 1500
queues = 4

[[arms]]
name = "plain"

[[arms]]
name = "no offloads"
features = { tx-tcp-segmentation = false, "tx-scatter-gather" = true }

[[arms]]
name = "mapped by chunk"
map_per_chunk = true

[dataplane]
queue = 3
umem = "64 MiB"
frame = 65536
disk_depth = 16
ring = 4096
rate = 2.5
fault = "drop:100"
source = "memory"

[lab]
kind = "host"
interface = "eth1"
peer = "192.0.2.7:7000"
allow_nic_changes = true
)");
    EXPECT_EQ(plan.path, "data/film.bin");
    EXPECT_EQ(plan.offset, 4096U);
    EXPECT_EQ(plan.length, kMiB);
    EXPECT_THAT(plan.methods, ElementsAre("sendfile", "af_xdp"));
    EXPECT_THAT(plan.cache, ElementsAre(CacheState::kHot, CacheState::kCold));
    EXPECT_EQ(plan.wire, Wire::kUdp);
    EXPECT_EQ(plan.sink, SinkKind::kAfXdp);
    EXPECT_EQ(plan.rounds, 7U);
    EXPECT_EQ(plan.rounds_max, 70U);
    EXPECT_EQ(plan.warmup, 2U);
    EXPECT_EQ(plan.target_percent, 3U);
    EXPECT_EQ(plan.baseline, "sendfile");
    EXPECT_EQ(plan.seed, 42U);
    EXPECT_EQ(plan.chunk_bytes, 128 * kKiB);
    EXPECT_FALSE(plan.verify);
    EXPECT_FALSE(plan.ceilings);
    EXPECT_EQ(plan.ledger, LedgerMode::kOff);
    EXPECT_EQ(plan.time_limit, std::chrono::seconds(90));
    EXPECT_EQ(plan.mtu, 1500U);
    EXPECT_EQ(plan.num_queues, 4U);
    ASSERT_EQ(plan.arms.size(), 3U);
    EXPECT_EQ(plan.arms[0], (Arm{.name = "plain", .features = {}}));
    EXPECT_EQ(plan.arms[1].name, "no offloads");
    EXPECT_THAT(plan.arms[1].features, UnorderedElementsAre(Pair("tx-tcp-segmentation", false),
                                                            Pair("tx-scatter-gather", true)));
    EXPECT_FALSE(plan.arms[1].map_per_chunk);
    EXPECT_EQ(plan.arms[2],
              (Arm{.name = "mapped by chunk", .features = {}, .map_per_chunk = true}));
    EXPECT_EQ(plan.dataplane.queue, 3U);
    EXPECT_EQ(plan.dataplane.umem_bytes, 64 * kMiB);
    EXPECT_EQ(plan.dataplane.frame_bytes, 64 * kKiB);
    EXPECT_EQ(plan.dataplane.disk_depth, 16U);
    EXPECT_EQ(plan.dataplane.ring_entries, 4096U);
    EXPECT_EQ(plan.dataplane.rate, core::Rate{.gbps = 2.5});
    EXPECT_EQ(plan.dataplane.fault, "drop:100");
    EXPECT_EQ(plan.dataplane.source, core::PayloadSource::kMemory);
    EXPECT_EQ(plan.lab, LabKind::kHost);
    EXPECT_EQ(plan.interface, "eth1");
    EXPECT_EQ(plan.peer, "192.0.2.7:7000");
    EXPECT_TRUE(plan.allow_nic_changes);
    expect_valid(plan);
}

TEST(ParsePlan, OtherSpellings)
{
    EXPECT_EQ(parsed("[file]\nsize = \"1 GiB\"").generated_bytes, kGiB);
    EXPECT_EQ(parsed("file.size = 4097").generated_bytes, 4097U);
    EXPECT_THAT(parsed("[run]\ncache = \"cold\"").cache, ElementsAre(CacheState::kCold));
    EXPECT_THAT(parsed("[run]\ncache = \"hot\"").cache, ElementsAre(CacheState::kHot));
    EXPECT_EQ(parsed("[run]\nwire = \"tcp\"").wire, Wire::kTcp);
    EXPECT_EQ(parsed("[run]\nledger = \"apart\"").ledger, LedgerMode::kApart);
    EXPECT_EQ(parsed("[run]\nledger = \"with\"").ledger, LedgerMode::kWith);
    EXPECT_FALSE(parsed("[[arms]]\nname = \"a\"\nmap_per_chunk = false").arms[0].map_per_chunk);
    EXPECT_EQ(parsed("[dataplane]\nrate = 3").dataplane.rate, core::Rate{.gbps = 3});
    EXPECT_EQ(parsed("[dataplane]\nrate = \"3Gb/s\"").dataplane.rate, core::Rate{.gbps = 3});
    EXPECT_EQ(parsed("[dataplane]\nrate = \"200 kpps\"").dataplane.rate,
              core::Rate{.packets_per_s = 200e3});
    EXPECT_EQ(parsed("[dataplane]\nfault = \"\"").dataplane.fault, "");
    EXPECT_EQ(parsed("[dataplane]\nsource = \"disk\"").dataplane.source,
              core::PayloadSource::kDisk);
    EXPECT_EQ(parsed("[lab]\nkind = \"veth\"").lab, LabKind::kVeth);
    EXPECT_EQ(parsed("arms = [{ name = \"one\" }]").arms.size(), 1U);
    EXPECT_THAT(
        parsed("[[arms]]\nname = \"a\"\n[arms.features]\ntx-gso-robust = true").arms[0].features,
        ElementsAre(Pair("tx-gso-robust", true)));
}

class PlanFile : public ::testing::Test {
  protected:
    void SetUp() override
    {
        std::string pattern = ::testing::TempDir() + "/pagewire-plan-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }

    void TearDown() override
    {
        ::unlink(file().c_str());
        ::rmdir(folder_.c_str());
    }

    [[nodiscard]] std::string file() const { return folder_ + "/plan.toml"; }

    std::string folder_;
};

TEST_F(PlanFile, IsRead)
{
    std::ofstream(file()) << "[run]\nrounds = 9\n";
    EXPECT_EQ(load_plan(file()).rounds, 9U);
}

TEST_F(PlanFile, MistakesNameTheFile)
{
    std::ofstream(file()) << "[run]\n\nrounds = 0\n";
    EXPECT_EQ(error_of([&] { (void)load_plan(file()); }),
              file() + ":3:10: run.rounds: 0 is not possible: write 1 to 1000");
}

TEST_F(PlanFile, Missing)
{
    EXPECT_EQ(error_of([&] { (void)load_plan(file()); }),
              file() + ": cannot be read: No such file or directory");
}

TEST_F(PlanFile, Directory)
{
    EXPECT_EQ(error_of([&] { (void)load_plan(folder_); }),
              folder_ + ": is a directory: name a plan file");
}

TEST_F(PlanFile, Unreadable)
{
    std::ofstream(file()) << "";
    ASSERT_EQ(::chmod(file().c_str(), 0), 0);
    // root reads every file: be somebody else for a moment.
    const uid_t self = ::geteuid();
    constexpr uid_t nobody = 65534;
    if (self == 0 && ::seteuid(nobody) != 0)
        GTEST_SKIP() << "this user may read every file";
    const std::string error = error_of([&] { (void)load_plan(file()); });
    ASSERT_EQ(::seteuid(self), 0);
    EXPECT_EQ(error, file() + ": cannot be read: Permission denied");
}

TEST_F(PlanFile, TooLong)
{
    std::ofstream(file()) << std::string(kMiB, '\n');
    EXPECT_NO_THROW((void)load_plan(file()));
    std::ofstream(file()) << std::string(kMiB + 1, '\n');
    EXPECT_EQ(error_of([&] { (void)load_plan(file()); }),
              file() + ": is longer than 1 MiB: name a plan file");
}

std::string source_file(const std::string& name)
{
    const char* root = std::getenv("PAGEWIRE_SOURCE_ROOT");
    if (root == nullptr)
        throw std::runtime_error("PAGEWIRE_SOURCE_ROOT is not set: it names the project's folder");
    return std::string(root) + '/' + name;
}

std::string text_of(const std::string& path)
{
    const std::ifstream file(path);
    EXPECT_TRUE(file) << path;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(QuickPlan, IsTheDefaultsWithThreeArms)
{
    const Plan plan = load_plan(source_file("configs/quick.toml"));
    expect_same_but_arms(plan, Plan{});
    EXPECT_THAT(plan.arms,
                ElementsAre(Arm{.name = "tso-on", .features = {{"tx-tcp-segmentation", true}}},
                            Arm{.name = "tso-off", .features = {{"tx-tcp-segmentation", false}}},
                            Arm{.name = "per-chunk", .features = {}, .map_per_chunk = true}));
    expect_valid(plan);
}

/// The list of keys that the error for an unknown one gives.
std::vector<std::string> keys_of(std::string_view header)
{
    const std::string error = parse_error(fmt::format("{}\n\"?\" = 1", header));
    std::istringstream list(error.substr(error.find(" are ") + 5));
    std::vector<std::string> keys;
    for (std::string key; list >> key;) {
        if (key.back() == ',')
            key.pop_back();
        keys.push_back(key);
    }
    return keys;
}

TEST(PlanReference, DescribesEveryKey)
{
    const std::string reference = text_of(source_file("docs/plan.md"));
    EXPECT_EQ(keys_of("").size(), 8U);
    EXPECT_THAT(reference, HasSubstr("\n## `extends`"));
    for (const std::string_view header :
         {"[file]", "[run]", "[link]", "[[arms]]", "[dataplane]", "[latency]", "[lab]"}) {
        const std::size_t begin = reference.find(fmt::format("\n## `{}`", header));
        ASSERT_NE(begin, std::string::npos) << header;
        const std::string section =
            reference.substr(begin, reference.find("\n## ", begin + 1) - begin);
        for (const std::string& key : keys_of(header))
            EXPECT_THAT(section, HasSubstr(fmt::format("\n| `{}` |", key))) << header;
    }
}

TEST(PlanReference, ExampleIsValid)
{
    const std::string reference = text_of(source_file("docs/plan.md"));
    const std::size_t begin = reference.find("```toml\n") + 8;
    const Plan plan = parsed(reference.substr(begin, reference.find("```", begin) - begin));
    expect_valid(plan);
}

TEST(Configs, EachIsAWholeExperiment)
{
    int num_plans = 0;
    for (const auto& file : std::filesystem::directory_iterator(source_file("configs"))) {
        const Plan plan = load_plan(file.path());
        EXPECT_NO_THROW(validate_plan(plan, methods())) << file.path();
        ++num_plans;
    }
    EXPECT_GE(num_plans, 6);
}

TEST(Configs, ClassicHoldsTheTextbooksFourAgainstReadWrite)
{
    const Plan plan = load_plan(source_file("configs/classic.toml"));
    EXPECT_EQ(plan.methods,
              (std::vector<std::string>{"read_write", "mmap_write", "sendfile", "sendfile_sg"}));
    EXPECT_EQ(plan.baseline_method(), "read_write");
    EXPECT_GT(plan.rounds_max, plan.rounds);
    EXPECT_GE(plan.warmup, 1U);
}

} // namespace
} // namespace pagewire::testbed
