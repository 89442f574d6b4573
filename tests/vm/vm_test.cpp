// SPDX-License-Identifier: BSD-3-Clause
// pagewire vm: what the command promises, each seen with a guest booted for it.
#include "testbed/generated_file.hpp"
#include "tests/support/command.hpp"
#include "tests/support/namespaces.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/temp_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

namespace pagewire::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string content_of(const std::string& path)
{
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A shell in the guest runs `script`.
CommandResult in_guest(const std::string& script, std::vector<std::string> options = {})
{
    std::vector<std::string> args{"vm"};
    args.insert(args.end(), options.begin(), options.end());
    args.insert(args.end(), {"--", "sh", "-c", script});
    return run_command(args);
}

TEST(Vm, RunsTheCommandOnAKernelOfItsOwn)
{
    const CommandResult result = run_command({"vm", "--", "uname", "-r"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const std::string own = content_of("/proc/sys/kernel/osrelease");
    EXPECT_NE(result.out, own);
    EXPECT_THAT(result.out, testing::MatchesRegex("[0-9]+\\.[0-9]+\\..*-amd64\n"));
}

TEST(Vm, HandsOverBothOutputsAndTheExitCode)
{
    const CommandResult result =
        in_guest("echo to out; echo to err >&2; yes 0123456789abcde | head -c 4194304; exit 7");
    EXPECT_EQ(result.exit_code, 7);
    EXPECT_THAT(result.out, StartsWith("to out\n0123456789abcde\n"));
    EXPECT_EQ(result.out.size(), 7 + 4194304U);
    EXPECT_EQ(result.out.substr(result.out.size() - 16), "0123456789abcde\n");
    EXPECT_THAT(result.err, HasSubstr("to err\n"));
}

TEST(Vm, ShowsTheGuestThisProgramAndItsHardware)
{
    const TempFolder folder;
    const CommandResult result = in_guest(R"sh(pagewire --version >"$PAGEWIRE_VM_RESULTS/version"
for port in igb0 igb1 virtio0 virtio1; do
  echo "$port $(basename "$(readlink -f /sys/class/net/$port/device/driver)")"
done
PATH=${PATH##*:} command -v modprobe
lsblk -dno NAME 2>/dev/null || ls /sys/class/nvme
stat -f -c %T /pagewire/disk
ls -l /pagewire/disk/random-64MiB.bin | cut -c1-3
ls /sys/kernel/iommu_groups | wc -l
echo written >)sh" + folder.path("written"),
                                          {"--out", folder.path("results")});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out,
                AllOf(HasSubstr("igb0 igb\n"), HasSubstr("igb1 igb\n"),
                      HasSubstr("virtio0 virtio_net\n"), HasSubstr("virtio1 virtio_net\n"),
                      HasSubstr("nvme0"), HasSubstr("/pagewire/bin/modprobe\n"),
                      HasSubstr("ext2/ext3\n"), HasSubstr("-rw")));
    EXPECT_EQ(content_of(folder.path("results/version")), run_command({"--version"}).out);
    EXPECT_FALSE(fs::exists(folder.path("written"))) << "the guest has written to the host";
}

/// The wire of the virtio ports takes whole segments over, checksums undone: what QEMU's hub does
/// not.
TEST(Vm, JoinsThePortsByWires)
{
    const CommandResult result = in_guest(R"sh(set -e
for pair in igb:10.0.1 virtio:10.0.2; do
  name=${pair%%:*} net=${pair##*:}
  unshare -n sleep 600 &
  far=$!
  sleep 1
  ip link set ${name}1 netns $far
  nsenter -t $far -n ip addr add $net.2/24 dev ${name}1
  nsenter -t $far -n ip link set ${name}1 up
  ip addr add $net.1/24 dev ${name}0
  ip link set ${name}0 up
  for try in 1 2 3 4 5 6 7 8 9 10; do
    ! nsenter -t $far -n /pagewire/bin/busybox ping -c 1 -W 1 $net.1 >/dev/null || break
  done
  nsenter -t $far -n /pagewire/bin/busybox ping -c 1 -W 1 $net.1 | grep 'packets received'
  kill $far
done
ethtool -k virtio0 | grep -E '^(tcp-segmentation-offload|tx-checksumming|scatter-gather):')sh");
    ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
    EXPECT_THAT(result.out,
                AllOf(HasSubstr("1 packets received"), HasSubstr("scatter-gather: on\n"),
                      HasSubstr("tx-checksumming: on\n"),
                      HasSubstr("tcp-segmentation-offload: on\n")));
    const std::string received = "1 packets received";
    EXPECT_NE(result.out.find(received, result.out.find(received) + 1), std::string::npos)
        << result.out;
}

TEST(Vm, APanicIsAFailureAndShowsTheConsole)
{
    const CommandResult result = in_guest("echo c >/proc/sysrq-trigger; sleep 600");
    EXPECT_EQ(result.exit_code, 125);
    EXPECT_THAT(result.err, HasSubstr("pagewire: vm: the guest died: Kernel panic - not syncing: "
                                      "sysrq triggered crash"));
    EXPECT_THAT(result.err, HasSubstr("last lines of the guest's console:\n"));
    EXPECT_THAT(result.err, HasSubstr("sysrq_handle_crash"));
    EXPECT_LE(std::count(result.err.begin(), result.err.end(), '\n'), 2 + 40);
}

TEST(Vm, TheTimeLimitEndsAHungGuest)
{
    const CommandResult result =
        in_guest("echo begun; while :; do :; done", {"--time-limit", "40"});
    EXPECT_EQ(result.exit_code, 124);
    EXPECT_EQ(result.out, "begun\n");
    EXPECT_THAT(result.err, HasSubstr("pagewire: vm: ended after 40 s, its time limit\n"));
}

TEST(Vm, TheTimeLimitCountsTheBootToo)
{
    const CommandResult result = in_guest("echo begun", {"--time-limit", "1"});
    EXPECT_EQ(result.exit_code, 124);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr("ended after 1 s, its time limit, before the command began"));
}

std::set<std::string> names_below(const fs::path& folder)
{
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        names.insert(entry.path().string());
    return names;
}

TEST(Vm, KilledItLeavesNothing)
{
    const CommandResult first = run_command({"vm", "--", "true"}); // the cache is warm then
    ASSERT_EQ(first.exit_code, 0) << first.err;
    const fs::path cache = fs::path(testbed::cache_folder()) / "vm";
    const auto before = names_below(cache);
    RunningCommand command({"vm", "--", "sleep", "600"});
    std::vector<Process> children;
    ASSERT_TRUE(eventually(
        [&] {
            children = children_of(command.pid());
            return std::any_of(children.begin(), children.end(), [](const Process& child) {
                return program_of(child.pid) == "qemu-system-x86_64";
            });
        },
        20s));
    std::this_thread::sleep_for(2s); // in the middle of its boot
    const auto namespaces = lab_namespaces(command.pid());
    ASSERT_FALSE(namespaces.empty());
    ASSERT_TRUE(any_held(namespaces));
    command.signal(SIGKILL);
    EXPECT_EQ(command.wait().exit_code, 128 + SIGKILL);
    EXPECT_TRUE(eventually(
        [&] {
            return !any_held(namespaces) &&
                   std::none_of(children.begin(), children.end(),
                                [](const Process& child) { return is_running(child.pid); });
        },
        5s));
    EXPECT_EQ(names_below(cache), before);
}

TEST(Vm, AnInterruptionEndsTheGuest)
{
    RunningCommand command({"vm", "--", "sleep", "600"});
    ASSERT_TRUE(eventually([&] { return !children_of(command.pid()).empty(); }, 60s));
    std::this_thread::sleep_for(1s);
    const std::vector<Process> children = children_of(command.pid());
    command.signal(SIGINT);
    EXPECT_EQ(command.wait().exit_code, 130);
    EXPECT_TRUE(std::none_of(children.begin(), children.end(),
                             [](const Process& child) { return is_running(child.pid); }));
}

/// One line, exit code 2.
void expect_refusal(const CommandResult& result, const std::string& words)
{
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr(words));
    const std::string last = result.err.substr(result.err.rfind("pagewire: ", result.err.size()));
    EXPECT_EQ(std::count(last.begin(), last.end(), '\n'), 1) << result.err;
}

TEST(Vm, RefusesWhatItCannotDoInOneLine)
{
    expect_refusal(run_command({"vm"}), "vm: give a command after --, or --shell");
    expect_refusal(run_command({"vm", "--shell", "--", "true"}),
                   "vm: a command or --shell, and not both");
    expect_refusal(run_command({"vm", "--shell"}), "needs a terminal");
    expect_refusal(run_command({"vm", "--time-limit", "0", "--", "true"}), "--time-limit");
    expect_refusal(run_command({"vm", "--out", "/proc/none", "--", "true"}),
                   "/proc/none: no folder for results: ");
    expect_refusal(run_command({"vm", "--kernel", "0.9", "--", "true"}), "no kernel \"0.9\": ");
}

TEST(Vm, RefusesAQemuThatIsTooOld)
{
    const TempFolder folder;
    const std::string path = folder.path("qemu");
    std::ofstream(path) << "#!/bin/sh\necho QEMU emulator version 7.2.11\n";
    fs::permissions(path, fs::perms::owner_all);
    expect_refusal(
        run_command({"vm", "--", "true"}, [&] { ::setenv("PAGEWIRE_QEMU", path.c_str(), 1); }),
        "is version 7, and the virtual lab needs 8 or later");
    expect_refusal(
        run_command({"vm", "--", "true"}, [&] { ::setenv("PAGEWIRE_QEMU", "/bin/false", 1); }),
        "PAGEWIRE_QEMU=/bin/false: cannot be run as QEMU");
}

TEST(Vm, WithoutANetworkTheCacheServesAndWithoutEitherItSaysSo)
{
    const auto without_network = [] {
        if (::unshare(CLONE_NEWNET) != 0)
            ::_exit(99);
    };
    const CommandResult cached =
        run_command({"vm", "--update", "--", "uname", "-r"}, without_network);
    EXPECT_EQ(cached.exit_code, 0) << cached.err;
    EXPECT_THAT(cached.out, HasSubstr("-amd64\n"));
    EXPECT_THAT(cached.err,
                AllOf(HasSubstr("cannot be reached"), HasSubstr("of the cache is used")));

    const TempFolder empty;
    const CommandResult nothing = run_command({"vm", "--", "true"}, [&] {
        without_network();
        ::setenv("PAGEWIRE_CACHE", empty.path().c_str(), 1);
    });
    expect_refusal(nothing, "the Debian archive cannot be reached");
    EXPECT_TRUE(fs::is_empty(empty.path("vm")) || names_below(empty.path("vm")).size() == 1)
        << "only the lock may be left";
}

} // namespace
} // namespace pagewire::tests
