// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/matrix.hpp"

#include "testbed/cells.hpp"
#include "testbed/dry_run.hpp"
#include "testbed/registry.hpp"
#include "tests/testbed/plan_expect.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace pagewire::testbed {
namespace {

using core::kKiB;
using core::kMiB;
using ::testing::HasSubstr;

const std::string kPlan = R"(
[file]
size = ["1 MiB", "2 MiB"]
[run]
methods = ["read_write", "sendfile", "af_xdp"]
cache = "hot"
chunk = ["4 KiB", "64 KiB"]
[link]
mtu = [1500, 9000]
[dataplane]
queues = [1, 2]
rate = [0, "1000pps"]
)";

TEST(Matrix, SettingsAreEveryCombinationTheLastKeyFastest)
{
    const Plan plan = parsed(kPlan);
    const std::vector<Plan> all = settings(plan);
    ASSERT_EQ(all.size(), 32U);
    EXPECT_EQ(num_settings(plan), 32U);
    EXPECT_EQ(all[0].generated_bytes, kMiB);
    EXPECT_EQ(all[31].generated_bytes, 2 * kMiB);
    EXPECT_FALSE(all[0].dataplane.rate.is_limited());
    EXPECT_EQ(all[1].dataplane.rate.packets_per_s, 1000);
    EXPECT_EQ(all[2].dataplane.num_queues, 2U);
    EXPECT_EQ(all[4].chunk_bytes, 64 * kKiB);
    EXPECT_EQ(all[8].mtu, 9000U);
    for (const Plan& setting : all)
        EXPECT_EQ(setting.matrix, Matrix{});
    EXPECT_EQ(settings(parsed("")).size(), 1U);
}

TEST(Matrix, AListOfOneIsAValue)
{
    const Plan plan = parsed("[run]\nchunk = [\"4 KiB\"]");
    EXPECT_EQ(plan.chunk_bytes, 4 * kKiB);
    EXPECT_EQ(plan.matrix, Matrix{});
}

std::vector<SettingView> views_of(const std::vector<Plan>& all)
{
    std::vector<SettingView> views;
    views.reserve(all.size());
    for (const Plan& setting : all)
        views.push_back(
            {.plan = &setting, .file_bytes = setting.generated_bytes, .mtu = setting.mtu});
    return views;
}

TEST(Matrix, SettingsThatAMethodCannotTellApartAreOneRow)
{
    const Plan plan = parsed(kPlan);
    const std::vector<Plan> all = settings(plan);
    const auto count = [&](std::string_view method) {
        const std::vector<Task> tasks = make_tasks(plan, views_of(all));
        return std::count_if(tasks.begin(), tasks.end(), [&](const Task& task) {
            return !task.is_ceiling && task.row.method->name == method;
        });
    };
    EXPECT_EQ(count("read_write"), 2 * 2 * 2); // sizes, MTUs, chunks
    EXPECT_EQ(count("sendfile"), 2 * 2);       // sizes, MTUs
    EXPECT_EQ(count("af_xdp"), 2 * 2 * 2 * 2); // sizes, MTUs, queues, rates
}

TEST(Matrix, AnArmOfOneWiresFeatureIsNoneOfTheOther)
{
    const Plan plan = parsed(
        "[run]\nmethods = [\"read_write\", \"read_write_udp\"]\ncache = \"hot\"\nceilings = false\n"
        "[[arms]]\nname = \"tso\"\nfeatures = { \"tx-tcp-segmentation\" = true }\n"
        "[[arms]]\nname = \"tso-off\"\nfeatures = { \"tx-tcp-segmentation\" = false }\n"
        "[[arms]]\nname = \"uso-off\"\nfeatures = { \"tx-udp-segmentation\" = false }\n"
        "[[arms]]\nname = \"sg-off\"\nfeatures = { \"tx-scatter-gather\" = false }\n");
    const std::vector<Plan> all = settings(plan);
    std::vector<std::string> rows;
    for (const Task& task : make_tasks(plan, views_of(all)))
        rows.push_back(std::string(task.row.method->name) + ' ' + task.row.arm);
    EXPECT_THAT(rows, testing::ElementsAre("read_write tso", "read_write tso-off", "read_write ",
                                           "read_write sg-off", "read_write_udp ",
                                           "read_write_udp uso-off", "read_write_udp sg-off"));
}

TEST(Matrix, ARateIsOneOfTheMethodsOverUdp)
{
    const Plan plan = parsed("[run]\nmethods = [\"read_write\", \"read_write_udp\"]\ncache = "
                             "\"hot\"\nceilings = false\n[dataplane]\nrate = [0, 5]\n");
    const std::vector<Plan> all = settings(plan);
    EXPECT_EQ(make_tasks(plan, views_of(all)).size(), 1 + 2U);
}

TEST(Matrix, ACeilingIsOfEachSettingThatItDependsOn)
{
    const Plan plan = parsed(kPlan + "umem = \"1 MiB\"\nframe = \"64 KiB\"\n");
    const std::vector<Plan> all = settings(plan);
    unsigned disk = 0;
    unsigned wire = 0;
    for (const Task& task : make_tasks(plan, views_of(all))) {
        if (task.is_ceiling)
            ++(task.cell.source == core::PayloadSource::kDisk ? disk : wire);
    }
    EXPECT_EQ(disk, 2U); // sizes
    // MTUs, queues; an open loop has none
    EXPECT_EQ(wire, find_method("af_xdp")->probe() ? 4U : 0U);
}

TEST(Matrix, RowsAgreeWhereBothCanFeelACondition)
{
    const Plan plan = parsed(kPlan);
    const Plan other = parsed("[run]\nchunk = \"8 KiB\"\n[dataplane]\nqueues = 2");
    const core::Method& read_write = *find_method("read_write");
    const core::Method& sendfile = *find_method("sendfile");
    const auto conditions = [](const core::Method& method, const Plan& setting, std::uint32_t mtu) {
        return conditions_of(method, setting, 1, mtu);
    };
    EXPECT_TRUE(agree(conditions(read_write, plan, 1500), conditions(sendfile, other, 1500)));
    EXPECT_FALSE(agree(conditions(read_write, plan, 1500), conditions(sendfile, other, 9000)));
    EXPECT_FALSE(agree(conditions(read_write, plan, 1500), conditions(read_write, other, 1500)));
}

TEST(Matrix, NonsenseIsRefusedBeforeAnythingRuns)
{
    EXPECT_THAT(invalid(parsed("[run]\nmethods = [\"sendfile\"]\nchunk = [1, 2]")),
                HasSubstr("run.chunk: makes no difference to sendfile"));
    EXPECT_THAT(invalid(parsed("[run]\nmethods = [\"sendfile\"]\n[dataplane]\nrate = [1, 2]")),
                HasSubstr("dataplane.rate: makes no difference to sendfile"));
    EXPECT_THAT(invalid(parsed("[file]\nlength = 1\nsize = [1, 2]")), HasSubstr("file.size"));
    EXPECT_THAT(invalid(parsed("[file]\nlength = [1, 2]\nsize = [4, 5]")),
                HasSubstr("file.length"));
    EXPECT_THAT(invalid(parsed("[file]\noffset = 2\nsize = [1, 4]")), HasSubstr("file.offset"));
    EXPECT_THAT(invalid(parsed("[link]\nmtu = [1500, 9000]\n[lab]\nkind = \"host\"\n"
                               "interface = \"eth0\"\npeer = \"192.0.2.1:7\"")),
                HasSubstr("link.mtu"));
    std::string many = "[link]\nmtu = [";
    for (unsigned mtu = 600; mtu < 600 + kMaxSettings + 1; ++mtu)
        many += fmt::format("{}, ", mtu);
    EXPECT_THAT(invalid(parsed(many + "]")), HasSubstr("more than 1024 settings"));
}

TEST(DryRun, ThePlanThatItPrintsIsTheSamePlan)
{
    for (const std::string& text :
         {std::string(), kPlan, std::string("[dataplane]\nrate = \"5Gb/s\"\nfault = \"flip@1\""),
          std::string("[file]\npath = \"/x\"\nlength = 5\n[[arms]]\nname = \"a\"\n"
                      "features = {tx-gso = false}\n[run]\nwire = \"udp\""),
          std::string("[lab]\nkind = \"host\"\ninterface = \"e\"\npeer = \"192.0.2.1:7\"\n"
                      "allow_nic_changes = true")}) {
        const std::string printed = plan_toml(parsed(text));
        EXPECT_EQ(plan_toml(parsed(printed)), printed);
        EXPECT_EQ(parsed(printed).matrix, parsed(text).matrix);
        EXPECT_EQ(parsed(printed).arms, parsed(text).arms);
        EXPECT_EQ(parsed(printed).dataplane.rate, parsed(text).dataplane.rate);
    }
}

TEST(DryRun, ShowsTheRowsAndHowLongTheyTake)
{
    const std::string text = dry_run(parsed("[file]\nsize = \"1 GiB\"\n[run]\n"
                                            "methods = [\"read_write\"]\ncache = \"hot\"\n"
                                            "chunk = [\"4 KiB\", \"64 KiB\"]\nceilings = false"));
    EXPECT_THAT(text, HasSubstr("# 2 rows:\n"));
    EXPECT_THAT(text, HasSubstr("read_write   tcp  hot   -         chunk 64 KiB\n"));
    EXPECT_THAT(
        dry_run(parsed("[run]\nmethods = [\"splice\", \"sendfile_direct\"]\ncache = \"cold\"")),
        HasSubstr("#   splice          tcp  cold  -\n"));
    // Three rounds of two rows, watched and unwatched; 1 GiB at 8 Gb/s is 1.07 s, and 0.1 s.
    EXPECT_THAT(text, HasSubstr("# 12 transfers in 3 rounds\n# about 15 s"));
    // 1 MiB in datagrams of 8948 bytes is 118 packets; no transfer takes longer than its limit.
    const auto paced = [](const std::string& more) {
        return dry_run(parsed("[file]\nsize = \"1 MiB\"\n[run]\nmethods = [\"af_xdp\"]\n"
                              "cache = \"hot\"\nledger = \"off\"\nceilings = false\nrounds = 2\n" +
                              more));
    };
    EXPECT_THAT(paced("[dataplane]\nrate = \"10pps\"\n"), HasSubstr("# about 24 s"));
    EXPECT_THAT(paced("time_limit_s = 3\n[dataplane]\nrate = \"10pps\"\n"),
                HasSubstr("# about 7 s"));
    EXPECT_THAT(error_of([] { (void)dry_run(parsed("[file]\npath = \"/no/such\"")); }),
                HasSubstr("/no/such: cannot be read: No such file"));
}

} // namespace
} // namespace pagewire::testbed
