// SPDX-License-Identifier: BSD-3-Clause
// pagewire nic check as a user and a lab's CI meet it.
#include "nic/checks/check.hpp"
#include "nic/features.hpp"
#include "tests/nic/veth_fixture.hpp"
#include "tests/support/command.hpp"
#include "tests/support/temp_folder.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace pagewire::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

CommandResult nic_check(std::vector<std::string> args, const std::function<void()>& in_child = {})
{
    args.insert(args.begin(), {"nic", "check"});
    return run_command(args, in_child);
}

void expect_refused(const CommandResult& result, const testing::Matcher<const std::string&>& line)
{
    EXPECT_EQ(result.exit_code, 2) << result.out;
    EXPECT_THAT(result.err, line);
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_EQ(result.out, "");
}

std::string read_file(const std::string& path)
{
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(NicCheck, ListNamesEveryCheck)
{
    const CommandResult result = nic_check({"--list"});
    EXPECT_EQ(result.exit_code, 0);
    for (const nic::Check* check : nic::checks())
        EXPECT_THAT(result.out, HasSubstr(fmt::format("{} ", check->name)));
}

TEST(NicCheck, EveryCheckHasAVerdictInEveryForm)
{
    const TempFolder folder;
    const std::string junit = folder.path() + "/junit.xml";
    const CommandResult result = nic_check({"--json", "--junit", junit});
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    const auto document = nlohmann::json::parse(result.out);
    EXPECT_EQ(document.at("schema"), "pagewire.nic-check/1");
    ASSERT_EQ(document.at("checks").size(), nic::checks().size());
    for (const auto& check : document.at("checks")) {
        const bool skipped = check.at("verdict") == "skip";
        EXPECT_EQ(check.at("observations").empty(), skipped) << check;
        EXPECT_FALSE(skipped && check.at("reason").get<std::string>().empty()) << check;
    }
    const std::string command = fmt::format(
        "python3 -c \"import xml.etree.ElementTree as t, sys; s = t.parse('{}').getroot(); "
        "sys.exit(0 if len(s) == {} and s.get('failures') == '0' and "
        "len(s.findall('testcase/skipped')) == int(s.get('skipped')) else 1)\"",
        junit, nic::checks().size());
    EXPECT_EQ(std::system(command.c_str()), 0) << read_file(junit); // NOLINT(cert-env33-c)
}

TEST(NicCheck, OnlyRunsWhatWasAskedForAndATableFitsATerminal)
{
    const CommandResult result = nic_check({"--only", "mtu-edge,tso"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("\ntso "), HasSubstr("\nmtu-edge "),
                                  HasSubstr("\n2 passed, 0 failed, 0 not in effect, 0 skipped\n")));
    for (std::size_t at = 0; at < result.out.size();) {
        const std::size_t end = result.out.find('\n', at);
        EXPECT_LE(end - at, 100U) << result.out.substr(at, end - at);
        at = end + 1;
    }
}

TEST(NicCheck, NothingTriedIsNoSuccess)
{
    const CommandResult result = nic_check({"--only", "lro"}); // fixed by veth
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.out, HasSubstr("the driver has rx-lro fixed, off"));
}

TEST(NicCheck, BadInputIsOneClearLine)
{
    expect_refused(nic_check({"--only", "teleport"}),
                   HasSubstr("no check \"teleport\": \"pagewire nic check --list\" names all"));
    expect_refused(nic_check({"--junit", "/no/such/folder/junit.xml"}),
                   HasSubstr("/no/such/folder"));
    expect_refused(nic_check({"lo"}), HasSubstr("pagewire nic check lo --peer IF --peer-netns"));
    expect_refused(nic_check({"--peer", "lo"}), HasSubstr("go with the interface to check"));
    expect_refused(nic_check({"lo", "--peer", "lo", "--peer-netns", "x"}),
                   HasSubstr("--allow-nic-changes"));
    expect_refused(
        nic_check({"lo", "--peer", "lo", "--peer-netns", "no-such", "--allow-nic-changes"}),
        HasSubstr("no network namespace no-such"));
    expect_refused(
        nic_check({"lo", "--peer", "lo", "--peer-netns", "/etc/passwd", "--allow-nic-changes"}),
        HasSubstr("/etc/passwd is no network namespace"));
    expect_refused(nic_check({"lo", "--peer", "lo", "--peer-netns", "/proc/self/ns/net",
                              "--allow-nic-changes"}),
                   HasSubstr("are in one network namespace"));
}

TEST(NicCheck, WithoutPrivilegesTheMissingOneIsNamed)
{
    expect_refused(nic_check({}, [] { ::setuid(65534); }), HasSubstr("missing capability CAP_"));
}

/// Two devices that outlive the checks, as a lab's NICs do.
class NicCheckOnDevices : public nic::VethTest {
  protected:
    NicCheckOnDevices()
    {
        nic::set_link_up(near_, nic::kNearName);
        nic::set_link_up(far_, nic::kFarName);
    }

    std::vector<std::string> args(const std::string& only = {}) const
    {
        std::vector<std::string> words{nic::kNearName,
                                       "--peer",
                                       nic::kFarName,
                                       "--peer-netns",
                                       fmt::format("/proc/{}/fd/{}", ::getpid(), far_.fd()),
                                       "--allow-nic-changes"};
        if (!only.empty())
            words.insert(words.end(), {"--only", only});
        return words;
    }

    std::function<void()> inside(const nic::NetNamespace& netns) const
    {
        return [this, &netns] {
            netns.enter();
            ::setenv("PAGEWIRE_STATE_DIR", state_.path().c_str(), 1);
            ::unsetenv("SSH_CONNECTION");
        };
    }

    /// Features, MTU and address of both.
    std::string devices() const
    {
        std::string text;
        for (const auto& [netns, name] :
             {std::pair(&near_, nic::kNearName), {&far_, nic::kFarName}}) {
            for (const auto& [feature, state] : nic::read_features(*netns, name))
                text += fmt::format("{}={}{} ", feature, state.active, state.wanted);
            text += fmt::format("mtu {} address {}\n", nic::link_facts(*netns, name).mtu,
                                nic::first_address(*netns, name).value_or(0));
        }
        return text;
    }

    std::vector<fs::path> entries() const
    {
        std::vector<fs::path> paths;
        std::error_code none;
        for (const auto& file : fs::directory_iterator(state_.path() + "/nic", none))
            paths.push_back(file.path());
        return paths;
    }

    /// In the middle of the checks, with something changed.
    std::unique_ptr<RunningCommand> run_in_the_middle() const
    {
        std::vector<std::string> words = args();
        words.insert(words.begin(), {"nic", "check"});
        auto run = std::make_unique<RunningCommand>(words, inside(near_));
        EXPECT_TRUE(eventually(
            [&] {
                return !nic::read_features(near_, nic::kNearName).at("tx-tcp-segmentation").active;
            },
            20s));
        return run;
    }

    TempFolder state_;
};

TEST_F(NicCheckOnDevices, LeavesThemAsTheyWere)
{
    const std::string before = devices();
    const CommandResult result = nic_check(args(), inside(near_));
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    EXPECT_EQ(result.err, "");
    EXPECT_EQ(devices(), before);
    EXPECT_THAT(entries(), IsEmpty());
}

TEST_F(NicCheckOnDevices, ASignalPutsEverythingBack)
{
    const std::string before = devices();
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        const auto run = run_in_the_middle();
        run->signal(signal);
        EXPECT_EQ(run->wait().exit_code, 130) << signal;
        EXPECT_EQ(devices(), before) << signal;
        EXPECT_THAT(entries(), IsEmpty());
    }
}

TEST_F(NicCheckOnDevices, AfterKillRestoreDoesInEitherNamespace)
{
    const std::string before = devices();
    const auto run = run_in_the_middle();
    run->signal(SIGKILL);
    (void)run->wait();
    EXPECT_NE(devices(), before);
    for (const nic::NetNamespace* netns : {&near_, &far_}) {
        const CommandResult restored = run_command({"nic", "restore"}, inside(*netns));
        EXPECT_EQ(restored.exit_code, 0) << restored.err;
        EXPECT_THAT(restored.out, HasSubstr("is as it was again"));
    }
    EXPECT_EQ(devices(), before);
    EXPECT_THAT(entries(), IsEmpty());
}

TEST_F(NicCheckOnDevices, AfterKillTheNextOneStartsFromWhatWas)
{
    const std::string before = devices();
    {
        const auto run = run_in_the_middle();
        run->signal(SIGKILL);
        (void)run->wait();
    }
    const CommandResult result = nic_check(args("mtu-edge"), inside(near_));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(devices(), before);
    EXPECT_THAT(entries(), IsEmpty());
}

TEST_F(NicCheckOnDevices, OneThatTheMachineIsReachedByIsRefused)
{
    nic::add_address(near_, nic::kNearName, nic::kNearIp, nic::kPrefixLength);
    nic::run_inside(near_, "ip route add default via 198.18.0.2");
    const std::string before = devices();
    const CommandResult result = nic_check(args(), inside(near_));
    expect_refused(result, HasSubstr("default route"));
    EXPECT_EQ(devices(), before);
    EXPECT_THAT(entries(), IsEmpty());
}

} // namespace
} // namespace pagewire::tests
