// SPDX-License-Identifier: BSD-3-Clause

/// The journal of changed devices: written before the change, restored after kill -9, and never
/// applied to another device. Needs root, and fails without.

#include "core/error.hpp"
#include "nic/device_guard.hpp"
#include "nic/state_journal.hpp"
#include "tests/nic/veth_fixture.hpp"
#include "tests/support/temp_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

namespace pagewire::nic {
namespace {

namespace fs = std::filesystem;
using Outcome = NicRestoration::Outcome;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const InterfaceAddress kAdded = *parse_interface_address("2001:2::7/64");

class StateJournalTest : public VethTest {
  protected:
    StateJournalTest()
    {
        connect();
        before_ = read_device_state(near_, kNearName);
    }

    /// A process that calls `change` with a guard and is killed then.
    void kill_after(const std::function<void(DeviceGuard&)>& change)
    {
        const pid_t child = ::fork();
        if (child == 0) {
            try {
                DeviceGuard guard(near_, kNearName, folder_);
                change(guard);
                ::kill(::getpid(), SIGKILL);
            } catch (const std::exception& error) {
                std::fprintf(stderr, "in the child: %s\n", error.what());
            }
            ::_exit(1);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }

    static void change_all(DeviceGuard& guard)
    {
        guard.apply({{"tx-scatter-gather", false}});
        guard.set_mtu(4000);
        guard.add_address(kAdded);
    }

    void expect_changed()
    {
        const DeviceState now = read_device_state(near_, kNearName);
        EXPECT_EQ(now.mtu, 4000U);
        EXPECT_FALSE(now.features.at("tx-scatter-gather").active);
        EXPECT_THAT(addresses(near_, kNearName), testing::Contains(kAdded));
    }

    void expect_restored()
    {
        EXPECT_EQ(read_device_state(near_, kNearName), before_);
        EXPECT_THAT(addresses(near_, kNearName), SizeIs(1));
    }

    [[nodiscard]] std::vector<fs::path> entries() const
    {
        std::vector<fs::path> paths;
        std::error_code none;
        for (const auto& file : fs::directory_iterator(folder_, none))
            paths.push_back(file.path());
        return paths;
    }

    void edit_entry(const std::string& from, const std::string& to)
    {
        std::ifstream in(entries().at(0));
        std::stringstream words;
        words << in.rdbuf();
        std::string text = words.str();
        const auto at = text.find(from);
        ASSERT_NE(at, std::string::npos) << text;
        std::ofstream(entries().at(0)) << text.replace(at, from.size(), to);
    }

    NicRestoration restore_one()
    {
        const auto restorations = restore_nic_states(near_, folder_);
        EXPECT_THAT(restorations, SizeIs(1));
        return restorations.empty() ? NicRestoration{} : restorations.front();
    }

    tests::TempFolder temp_;
    fs::path folder_ = temp_.path("nic");
    DeviceState before_;
};

TEST_F(StateJournalTest, KilledProcessIsRestored)
{
    kill_after(change_all);
    expect_changed();
    const NicRestoration restoration = restore_one();
    EXPECT_EQ(restoration.outcome, Outcome::kRestored);
    EXPECT_THAT(restoration.line,
                AllOf(HasSubstr("pwnear is as it was again"), HasSubstr("MTU 9000"),
                      HasSubstr("features tx-scatter-gather on"),
                      HasSubstr("without address 2001:2::7/64"), HasSubstr("was killed")));
    expect_restored();
    EXPECT_THAT(entries(), IsEmpty());
    EXPECT_THAT(restore_nic_states(near_, folder_), IsEmpty());
}

/// The entry is there before the change is made, for each of them.
TEST_F(StateJournalTest, EachChangeIsOnDiskBeforeItIsMade)
{
    DeviceGuard guard(near_, kNearName, folder_);
    const auto read = [&] {
        std::ifstream in(entries().at(0));
        std::stringstream words;
        words << in.rdbuf();
        return parse_state_entry(words.str()).value();
    };
    // What the kernel refuses is not made, and noted all the same.
    EXPECT_THROW(guard.set_mtu(70000), core::SystemError);
    EXPECT_THAT(read().changes,
                testing::ElementsAre(DeviceChange{.kind = DeviceChange::Kind::kMtu}));
    EXPECT_EQ(read().before, before_);
    EXPECT_THROW(guard.add_address(*parse_interface_address("ff02::1/64")), core::SystemError);
    EXPECT_THAT(read().changes, SizeIs(2));
    guard.restore();
    EXPECT_THAT(entries(), IsEmpty());
}

TEST_F(StateJournalTest, NothingIsWrittenWhereNothingIsChanged)
{
    {
        DeviceGuard guard(near_, kNearName, folder_);
        guard.apply({{"tx-scatter-gather", true}});
        guard.set_mtu(before_.mtu);
        guard.set_up();
        EXPECT_FALSE(fs::exists(folder_));
    }
    {
        DeviceGuard guard(near_, kNearName, folder_);
        guard.set_mtu(4000);
        EXPECT_THAT(entries(), SizeIs(1));
    }
    EXPECT_THAT(entries(), IsEmpty());
    expect_restored();
}

TEST_F(StateJournalTest, AClaimedDeviceIsTakenBeforeItIsChanged)
{
    {
        DeviceGuard first(near_, kNearName, folder_);
        first.claim();
        DeviceGuard second(near_, kNearName, folder_);
        EXPECT_THAT(thrown_by<core::UsageError>([&] { second.claim(); }),
                    HasSubstr("pwnear: is being changed by another pagewire"));
        EXPECT_THAT(thrown_by<core::UsageError>([&] { second.set_mtu(3000); }),
                    HasSubstr("pwnear: is being changed by another pagewire"));
        EXPECT_EQ(restore_one().outcome, Outcome::kLeft);
    }
    EXPECT_THAT(entries(), IsEmpty());
    expect_restored();
}

TEST_F(StateJournalTest, ALivingProcessIsLeftAlone)
{
    DeviceGuard guard(near_, kNearName, folder_);
    change_all(guard);
    const NicRestoration restoration = restore_one();
    EXPECT_EQ(restoration.outcome, Outcome::kLeft);
    EXPECT_THAT(restoration.line, HasSubstr("process " + std::to_string(::getpid())));
    expect_changed();
    guard.restore();
    expect_restored();
}

TEST_F(StateJournalTest, TheSecondOwnerIsRefused)
{
    DeviceGuard first(near_, kNearName, folder_);
    DeviceGuard second(near_, kNearName, folder_);
    first.set_mtu(4000);
    EXPECT_THAT(thrown_by<core::UsageError>([&] { second.set_mtu(3000); }),
                AllOf(HasSubstr("pwnear: is being changed by another pagewire (process "),
                      HasSubstr("wait until it has ended")));
    EXPECT_EQ(link_facts(near_, kNearName).mtu, 4000U);
    first.restore();
    second.set_mtu(3000);
    EXPECT_EQ(link_facts(near_, kNearName).mtu, 3000U);
    second.restore();
    expect_restored();
}

/// Else the second would restore what the first had set.
TEST_F(StateJournalTest, AGuardThatSawAnothersChangesIsRefused)
{
    DeviceGuard first(near_, kNearName, folder_);
    first.set_mtu(4000);
    DeviceGuard second(near_, kNearName, folder_);
    first.restore();
    EXPECT_THAT(thrown_by<core::UsageError>([&] { second.set_mtu(3000); }),
                HasSubstr("pwnear: another has changed it meanwhile"));
    EXPECT_THAT(entries(), IsEmpty());
    expect_restored();
}

TEST_F(StateJournalTest, WhatAKilledProcessLeftIsNotTakenForTheStateBefore)
{
    kill_after(change_all);
    {
        DeviceGuard guard(near_, kNearName, folder_);
        EXPECT_THAT(thrown_by<core::UsageError>([&] { guard.set_mtu(3000); }),
                    HasSubstr("pagewire nic restore"));
    }
    expect_changed();
    EXPECT_EQ(restore_one().outcome, Outcome::kRestored);
    expect_restored();
}

TEST_F(StateJournalTest, ARenamedDeviceIsFound)
{
    kill_after([](DeviceGuard& guard) { guard.set_mtu(4000); });
    run_inside(near_, "ip link set pwnear down && ip link set pwnear name pwother && "
                      "ip link set pwother up");
    const NicRestoration restoration = restore_one();
    EXPECT_EQ(restoration.outcome, Outcome::kRestored);
    EXPECT_THAT(restoration.line, HasSubstr("pwother (it was pwnear)"));
    EXPECT_EQ(read_device_state(near_, "pwother"), before_);
}

TEST_F(StateJournalTest, AnotherDeviceOfTheSameIndexAndNameIsNotTouched)
{
    kill_after(change_all);
    delete_link(near_, kNearName);
    run_inside(near_, "ip link add pwnear index " + std::to_string(before_.identity.ifindex) +
                          " mtu 2000 type veth peer name pwelse");
    const DeviceState other = read_device_state(near_, kNearName);
    ASSERT_EQ(other.identity.ifindex, before_.identity.ifindex);
    const NicRestoration restoration = restore_one();
    EXPECT_EQ(restoration.outcome, Outcome::kNothing);
    EXPECT_THAT(restoration.line, HasSubstr("pwnear: the device that was changed is gone"));
    EXPECT_EQ(read_device_state(near_, kNearName), other);
    EXPECT_THAT(entries(), IsEmpty());
}

/// Also where index and hardware address are the same.
TEST_F(StateJournalTest, AnotherNamespacesDeviceIsNotTouched)
{
    kill_after(change_all);
    const NetNamespace other = NetNamespace::create_anonymous();
    run_inside(
        other, "ip link add pwnear address " +
                   [&] {
                       std::string text;
                       for (const auto octet : before_.identity.mac) {
                           std::array<char, 4> digits{};
                           std::snprintf(digits.data(), digits.size(), ":%02x", octet);
                           text += digits.data();
                       }
                       return text.substr(1);
                   }() +
                   " index " + std::to_string(before_.identity.ifindex) +
                   " mtu 2000 type veth peer name pwelse index 99");
    const DeviceState there = read_device_state(other, kNearName);
    ASSERT_EQ(there.identity, before_.identity);
    const auto restorations = restore_nic_states(other, folder_);
    ASSERT_THAT(restorations, SizeIs(1));
    EXPECT_EQ(restorations[0].outcome, Outcome::kLeft);
    EXPECT_THAT(restorations[0].line, HasSubstr("in another network namespace"));
    EXPECT_EQ(read_device_state(other, kNearName), there);
    expect_changed();
    EXPECT_EQ(restore_one().outcome, Outcome::kRestored);
    expect_restored();
}

TEST_F(StateJournalTest, AnEntryOfAnEarlierBootIsRemoved)
{
    kill_after(change_all);
    edit_entry("\"boot_id\":\"", "\"boot_id\":\"0");
    const NicRestoration restoration = restore_one();
    EXPECT_EQ(restoration.outcome, Outcome::kNothing);
    EXPECT_THAT(restoration.line, HasSubstr("started anew"));
    expect_changed();
    EXPECT_THAT(entries(), IsEmpty());
}

TEST_F(StateJournalTest, ADamagedEntryStaysAndIsOneLine)
{
    kill_after(change_all);
    edit_entry("\"mtu\":9000", "\"mtu\":nine");
    for (int i = 0; i < 2; ++i) {
        const NicRestoration restoration = restore_one();
        EXPECT_EQ(restoration.outcome, Outcome::kFailed);
        EXPECT_THAT(restoration.line, AllOf(HasSubstr(entries().at(0).string()),
                                            HasSubstr("damaged"), testing::Not(HasSubstr("\n"))));
    }
    expect_changed();
    DeviceGuard guard(near_, kNearName, folder_);
    EXPECT_THAT(thrown_by<core::UsageError>([&] { guard.set_mtu(3000); }),
                HasSubstr("pagewire nic restore"));
}

/// Killed while it wrote: what the last line tells was not begun.
TEST_F(StateJournalTest, AHalfWrittenEntryIsOfNoChange)
{
    kill_after([](DeviceGuard& guard) { guard.set_mtu(4000); });
    const fs::path path = entries().at(0);
    fs::resize_file(path, fs::file_size(path) - 1);
    EXPECT_THAT(restore_nic_states(near_, folder_), IsEmpty());
    EXPECT_EQ(link_facts(near_, kNearName).mtu, 4000U);
    EXPECT_THAT(entries(), IsEmpty());
}

/// What cannot be brought back is said with the commands, and stays noted.
TEST_F(StateJournalTest, AFailureStaysInTheJournal)
{
    kill_after(change_all);
    edit_entry("\"mtu\":9000", "\"mtu\":70000");
    const NicRestoration restoration = restore_one();
    EXPECT_EQ(restoration.outcome, Outcome::kFailed);
    EXPECT_THAT(restoration.line, HasSubstr("to mend it: ip link set pwnear mtu 70000"));
    EXPECT_EQ(read_device_state(near_, kNearName).features, before_.features)
        << "the rest is restored";
    EXPECT_THAT(entries(), SizeIs(1));
}

} // namespace
} // namespace pagewire::nic
