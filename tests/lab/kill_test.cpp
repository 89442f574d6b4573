// SPDX-License-Identifier: BSD-3-Clause
// kill -9 of any process of a run, at any moment: a second later nothing is left.
#include "core/units.hpp"
#include "tests/support/command.hpp"
#include "tests/support/namespaces.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/source_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

namespace pagewire::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class Kill : public testing::Test {
  protected:
    void SetUp() override { fs::create_directory(folder_); }

    void TearDown() override { fs::remove_all(folder_); }

    std::vector<std::string> args() const
    {
        return {"run",     "--file", file_.path(),    "--rounds", "100",
                "--cache", "hot",    "--no-ceilings", "--json",   "-"};
    }

    /// The child's temporary and cache files would all come into the empty folder.
    std::function<void()> in_folder() const
    {
        return [this] {
            ::setenv("TMPDIR", folder_.c_str(), 1);
            ::setenv("HOME", folder_.c_str(), 1);
            ::setenv("PAGEWIRE_CACHE", folder_.c_str(), 1);
        };
    }

    SourceFile file_{256 * core::kMiB};
    std::string folder_ = file_.path() + ".d";
};

TEST_F(Kill, TheRunItselfLeavesNothing)
{
    std::mt19937 random(7);
    for (int i = 0; i < 6; ++i) {
        RunningCommand run(args(), in_folder());
        ASSERT_TRUE(eventually([&] { return child_named(run.pid(), "sink") != 0; }, 20s));
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 700));
        const std::vector<Process> children = children_of(run.pid());
        const auto namespaces = lab_namespaces(run.pid());
        ASSERT_FALSE(namespaces.empty());
        ASSERT_TRUE(any_held(namespaces));
        run.signal(SIGKILL);
        EXPECT_EQ(run.wait().exit_code, 128 + SIGKILL);
        EXPECT_TRUE(eventually(
            [&] {
                return !any_held(namespaces) &&
                       std::none_of(children.begin(), children.end(),
                                    [](const Process& child) { return is_running(child.pid); });
            },
            1s));
        EXPECT_TRUE(fs::is_empty(folder_));
    }
}

TEST_F(Kill, HalfAGeneratedFileIsNeverLeft)
{
    std::mt19937 random(11);
    for (int i = 0; i < 4; ++i) {
        RunningCommand run({"run", "--size", "1GiB", "--rounds", "1"}, in_folder());
        std::this_thread::sleep_for(std::chrono::milliseconds(50 + random() % 150));
        run.signal(SIGKILL);
        EXPECT_EQ(run.wait().exit_code, 128 + SIGKILL);
        EXPECT_TRUE(fs::is_empty(folder_));
    }
}

TEST_F(Kill, AWorkerIsOneFailedRow)
{
    auto words = args();
    words[4] = "1"; // rounds
    words.insert(words.end(), {"--methods", "read_write,sendfile_sg"});
    RunningCommand run(words);
    pid_t worker = 0;
    ASSERT_TRUE(eventually([&] { return (worker = child_named(run.pid(), "worker")) != 0; }, 20s));
    ASSERT_EQ(::kill(worker, SIGKILL), 0);
    const CommandResult result = run.wait();
    EXPECT_EQ(result.exit_code, 1);
    const auto document = nlohmann::json::parse(result.out);
    unsigned num_failed = 0;
    for (const auto& row : document.at("rows")) {
        if (row.at("status") == "failed") {
            ++num_failed;
            EXPECT_THAT(row.at("reason").get<std::string>(),
                        testing::HasSubstr("the worker killed by signal 9"));
        } else {
            EXPECT_EQ(row.at("status"), "ok");
        }
    }
    EXPECT_EQ(num_failed, 1U);
}

TEST_F(Kill, ASinkIsOneFailedRowAndIsReplaced)
{
    auto words = args();
    words[4] = "2";
    words.insert(words.end(), {"--methods", "read_write,mmap_write,sendfile_sg,af_xdp"});
    RunningCommand run(words);
    ASSERT_TRUE(eventually([&] { return child_named(run.pid(), "worker") != 0; }, 20s));
    ASSERT_EQ(::kill(child_named(run.pid(), "sink"), SIGKILL), 0);
    const CommandResult result = run.wait();
    EXPECT_EQ(result.exit_code, 1);
    const auto document = nlohmann::json::parse(result.out);
    unsigned num_bad_transfers = 0;
    for (const auto& row : document.at("rows")) {
        for (const auto& transfer : row.at("transfers"))
            num_bad_transfers += transfer.at("error").is_null() ? 0 : 1;
    }
    EXPECT_EQ(num_bad_transfers, 1U) << document.dump(1);
}

TEST_F(Kill, CtrlCKeepsWhatWasMeasured)
{
    RunningCommand run(args(), in_folder());
    ASSERT_TRUE(eventually([&] { return child_named(run.pid(), "worker") != 0; }, 20s));
    const auto namespaces = lab_namespaces(run.pid());
    std::this_thread::sleep_for(1500ms);
    run.signal(SIGINT);
    const auto asked = std::chrono::steady_clock::now();
    const CommandResult result = run.wait();
    EXPECT_LT(std::chrono::steady_clock::now() - asked, 10s);
    EXPECT_EQ(result.exit_code, 130);
    const auto document = nlohmann::json::parse(result.out);
    EXPECT_TRUE(document.at("interrupted").get<bool>());
    std::size_t num_transfers = 0;
    for (const auto& row : document.at("rows"))
        num_transfers += row.at("transfers").size();
    EXPECT_GT(num_transfers, 0U);
    EXPECT_TRUE(eventually([&] { return !any_held(namespaces); }, 1s));
    EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(Kill, AFileThatShrinksFailsItsRows)
{
    RunningCommand run({"run", "--file", file_.path(), "--rounds", "3", "--cache", "hot",
                        "--no-ceilings", "--methods", "mmap_write,read_write,sendfile_sg", "--json",
                        "-"});
    ASSERT_TRUE(eventually([&] { return child_named(run.pid(), "worker") != 0; }, 20s));
    ASSERT_EQ(::truncate(file_.path().c_str(), 4096), 0);
    const CommandResult result = run.wait();
    EXPECT_EQ(result.exit_code, 1);
    const auto document = nlohmann::json::parse(result.out);
    for (const auto& row : document.at("rows")) {
        EXPECT_EQ(row.at("status"), "failed");
        EXPECT_THAT(
            row.at("reason").get<std::string>(),
            testing::HasSubstr(
                "the file changed during the run: its size went from 268435456 to 4096 bytes"));
    }
}

} // namespace
} // namespace pagewire::tests
