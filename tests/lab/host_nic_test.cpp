// SPDX-License-Identifier: BSD-3-Clause
// The host lab changes a NIC only where it may, and brings it back however the run ends: over a
// veth pair, a real sink at its other end.
#include "core/units.hpp"
#include "nic/features.hpp"
#include "tests/nic/veth_fixture.hpp"
#include "tests/support/command.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/source_file.hpp"
#include "tests/support/temp_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <optional>

namespace pagewire::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kSinkAddress = "198.18.0.2:9400";
constexpr const char* kScatterGather = "tx-scatter-gather";
constexpr int kInterrupted = 130;

class HostNicTest : public nic::VethTest {
  protected:
    void SetUp() override
    {
        connect();
        before_ = nic::read_features(near_, nic::kNearName);
        nic::run_inside(far_, "ip link set lo up");
        sink_.emplace(std::vector<std::string>{"sink", "--listen", kSinkAddress},
                      [this] { far_.enter(); });
        ASSERT_TRUE(eventually([&] { return is_listening(); }, 10s));
    }

    bool is_listening() const
    {
        const nic::NetNamespace::Visit visit(far_);
        return std::system("ss -Hltn 'sport = :9400' | grep -q LISTEN") ==
               0; // NOLINT(cert-env33-c)
    }

    std::function<void()> in_near(const std::string& ssh = {}) const
    {
        return [this, ssh] {
            near_.enter();
            ::setenv("PAGEWIRE_STATE_DIR", state_.path().c_str(), 1);
            ::unsetenv("SSH_CONNECTION");
            if (!ssh.empty())
                ::setenv("SSH_CONNECTION", ssh.c_str(), 1);
        };
    }

    std::vector<std::string> args(const std::string& methods, const std::string& rounds,
                                  bool allowed = true) const
    {
        std::vector<std::string> words{"run",          "--lab",         "host",       "--if",
                                       nic::kNearName, "--peer",        kSinkAddress, "--file",
                                       file_.path(),   "--methods",     methods,      "--rounds",
                                       rounds,         "--cache",       "hot",        "--ledger",
                                       "off",          "--no-ceilings", "--json",     "-"};
        if (allowed)
            words.emplace_back("--allow-nic-changes");
        return words;
    }

    CommandResult restore() const { return run_command({"nic", "restore"}, in_near()); }

    nic::FeatureTable features() const { return nic::read_features(near_, nic::kNearName); }

    std::vector<fs::path> entries() const
    {
        std::vector<fs::path> paths;
        std::error_code none;
        for (const auto& file : fs::directory_iterator(state_.path("nic"), none))
            paths.push_back(file.path());
        return paths;
    }

    /// A run in the middle of a transfer with scatter/gather off.
    std::unique_ptr<RunningCommand> run_in_the_middle() const
    {
        auto run = std::make_unique<RunningCommand>(args("sendfile", "1000"), in_near());
        EXPECT_TRUE(eventually(
            [&] {
                return !features().at(kScatterGather).active &&
                       child_named(run->pid(), "worker") != 0;
            },
            20s));
        return run;
    }

    SourceFile file_{64 * core::kMiB};
    TempFolder state_;
    nic::FeatureTable before_;
    std::optional<RunningCommand> sink_;
};

TEST_F(HostNicTest, WhatAMethodNeedsIsSetAndRestored)
{
    const CommandResult result = run_command(args("sendfile,sendfile_sg", "2"), in_near());
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const auto document = nlohmann::json::parse(result.out);
    ASSERT_THAT(document.at("rows"), SizeIs(2));
    for (const auto& row : document.at("rows"))
        EXPECT_EQ(row.at("status"), "ok") << row;
    EXPECT_EQ(features(), before_);
    EXPECT_THAT(entries(), IsEmpty());
    EXPECT_EQ(result.err, "");
}

TEST_F(HostNicTest, WithoutTheFlagNothingIsChanged)
{
    const CommandResult result = run_command(args("sendfile", "1", false), in_near());
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err,
                AllOf(HasSubstr("needs tx-scatter-gather off"), HasSubstr("--allow-nic-changes"),
                      HasSubstr("ethtool -K pwnear tx-scatter-gather off")));
    EXPECT_EQ(features(), before_);
    EXPECT_FALSE(fs::exists(state_.path("nic")));
}

TEST_F(HostNicTest, ASignalInTheMiddleOfATransferRestores)
{
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        const auto run = run_in_the_middle();
        run->signal(signal);
        EXPECT_EQ(run->wait().exit_code, kInterrupted) << signal;
        EXPECT_EQ(features(), before_) << signal;
        EXPECT_THAT(entries(), IsEmpty());
    }
}

TEST_F(HostNicTest, KillIsMendedByRestore)
{
    const auto run = run_in_the_middle();
    EXPECT_THAT(restore().out, HasSubstr("is being changed by another pagewire (process " +
                                         std::to_string(run->pid()) + ")"));
    run->signal(SIGKILL);
    EXPECT_EQ(run->wait().exit_code, 128 + SIGKILL);
    EXPECT_FALSE(features().at(kScatterGather).active);
    EXPECT_THAT(entries(), SizeIs(1));

    const CommandResult restored = restore();
    EXPECT_EQ(restored.exit_code, 0) << restored.err;
    EXPECT_THAT(restored.out, AllOf(HasSubstr("pwnear is as it was again"),
                                    HasSubstr("features tx-scatter-gather on")));
    EXPECT_EQ(features(), before_);
    EXPECT_THAT(entries(), IsEmpty());
    const CommandResult again = restore();
    EXPECT_EQ(again.exit_code, 0);
    EXPECT_EQ(again.out, "nothing to restore\n");
}

TEST_F(HostNicTest, KillIsMendedByTheNextRun)
{
    const auto run = run_in_the_middle();
    run->signal(SIGKILL);
    run->wait();
    ASSERT_FALSE(features().at(kScatterGather).active);
    const CommandResult next = run_command(args("sendfile_sg", "1", false), in_near());
    EXPECT_EQ(next.exit_code, 0) << next.err;
    EXPECT_THAT(next.err, HasSubstr("pagewire: pwnear is as it was again"));
    EXPECT_EQ(features(), before_);
}

TEST_F(HostNicTest, ASecondRunOnTheSameNicIsRefused)
{
    const auto run = run_in_the_middle();
    const CommandResult second = run_command(args("sendfile_sg", "1"), in_near());
    EXPECT_EQ(second.exit_code, 2);
    EXPECT_THAT(second.err, HasSubstr("pwnear: is being changed by another pagewire (process "));
    run->signal(SIGTERM);
    run->wait();
    EXPECT_EQ(features(), before_);
}

TEST_F(HostNicTest, ADamagedEntryIsExitCodeTwo)
{
    fs::create_directories(state_.path("nic"));
    std::ofstream(state_.path("nic/1-2")) << "{}\n";
    const CommandResult result = restore();
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, AllOf(HasSubstr("pagewire: "), HasSubstr("nic/1-2: damaged")));
    EXPECT_THAT(entries(), SizeIs(1));
}

TEST_F(HostNicTest, NotTheInterfaceThatTheMachineIsReachedBy)
{
    const CommandResult ssh =
        run_command(args("sendfile_sg", "1"), in_near("198.18.0.2 50000 198.18.0.1 22"));
    EXPECT_EQ(ssh.exit_code, 2);
    EXPECT_THAT(ssh.err,
                HasSubstr("pagewire: --allow-nic-changes: pwnear: carries your ssh session"));
    nic::run_inside(near_, "ip route add default via 198.18.0.2");
    const CommandResult refused = run_command(args("sendfile", "1"), in_near());
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_THAT(refused.err,
                HasSubstr("pagewire: --allow-nic-changes: pwnear: carries a default route"));
    EXPECT_EQ(features(), before_);
    EXPECT_THAT(entries(), IsEmpty());
    // It may be measured as it is.
    EXPECT_EQ(run_command(args("sendfile_sg", "1", false), in_near()).exit_code, 0);
}

} // namespace
} // namespace pagewire::tests
