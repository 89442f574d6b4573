// SPDX-License-Identifier: BSD-3-Clause
// What the virtual lab reads of apt's, depmod's, QEMU's and the guest's words, and what it hands to
// them.
#include "core/error.hpp"
#include "testbed/vm/accelerator.hpp"
#include "testbed/vm/apt.hpp"
#include "testbed/vm/console.hpp"
#include "testbed/vm/cpio.hpp"
#include "testbed/vm/initramfs.hpp"
#include "testbed/vm/kernel.hpp"
#include "testbed/vm/modules.hpp"
#include "testbed/vm/program.hpp"
#include "testbed/vm/qemu.hpp"
#include "testbed/vm/tools.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/thrown.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <span>

namespace pagewire::testbed::vm {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(VmApt, TakesDebiansSourcesAndNoOthers)
{
    EXPECT_THAT(parse_index_targets("Debian|main|http://mirror/debian/|bookworm\n"
                                    "Debian|main|http://mirror/debian/|bookworm\n"
                                    "Debian|contrib|http://mirror/debian/|bookworm\n"
                                    "Node Source|main|http://elsewhere/|nodistro\n"
                                    "Debian|main|http://mirror/debian-security/|bookworm-security\n"
                                    "|||\nnonsense\n"),
                ElementsAre(AptSource{"http://mirror/debian/", "bookworm"},
                            AptSource{"http://mirror/debian-security/", "bookworm-security"}));
    EXPECT_THAT(parse_index_targets(""), IsEmpty());
}

TEST(VmApt, TheArchiveIsNotTheOneOfSecurity)
{
    EXPECT_EQ(main_archive({{"http://mirror/security/", "bookworm-security"},
                            {"http://mirror/debian/", "bookworm-updates"},
                            {"http://mirror/debian/", "bookworm"}}),
              "http://mirror/debian/");
    EXPECT_THAT(tests::thrown<core::UsageError>([] {
                    (void)main_archive({{"http://mirror/security/", "bookworm-security"}});
                }),
                HasSubstr("names no Debian release"));
}

TEST(VmApt, ReadsVersionsAndWhereTheyAre)
{
    EXPECT_THAT(
        parse_madison(
            " linux-image-amd64 | 7.3.4-1~bpo13+1 | http://mirror/debian trixie-backports/main "
            "amd64 Packages\n"
            " linux-image-amd64 |  6.1.176-1 | http://mirror/debian bookworm/main amd64 Packages\n"
            "     linux |  6.1.176-1 | http://mirror/debian bookworm/main Sources\n"),
        ElementsAre(PackageVersion{"linux-image-amd64", "7.3.4-1~bpo13+1", "trixie-backports"},
                    PackageVersion{"linux-image-amd64", "6.1.176-1", "bookworm"}));
}

TEST(VmApt, ReadsWhatAPackageNeeds)
{
    EXPECT_THAT(
        parse_depends("Package: a\nDepends: kmod, linux-base (>= 4.3~), initramfs-tools (>= "
                      "0.120) | dracut | x:any\nDescription: b\nDepends: later\n"),
        ElementsAre("kmod", "linux-base", "initramfs-tools", "dracut", "x"));
    EXPECT_THAT(parse_depends("Package: a\n"), IsEmpty());
}

TEST(VmKernel, ANameIsTheBeginningOfARelease)
{
    EXPECT_TRUE(names_release("6.1", "6.1.0-50-amd64"));
    EXPECT_TRUE(names_release("6.1.0-50-amd64", "6.1.0-50-amd64"));
    EXPECT_TRUE(names_release("7.", "7.3.4"));
    EXPECT_FALSE(names_release("6.1", "6.12.43+deb12-amd64")) << "a number is taken whole";
    EXPECT_FALSE(names_release("6.2", "6.1.0"));
    EXPECT_FALSE(names_release("", "6.1.0"));
}

TEST(VmKernel, VersionsAreOrderedAsDebianOrdersThem)
{
    // Each as `dpkg --compare-versions A lt B` says.
    const std::vector<std::string> ascending{"6.1.0-50-amd64",  "6.1.176-1",  "6.12.95-1~bpo12+1",
                                             "6.12.95-1",       "6.12.117-1", "7.2.12",
                                             "7.3.4-1~bpo13+1", "7.3.4-1",    "7.3.4-1+b1"};
    for (std::size_t i = 0; i < ascending.size(); ++i) {
        for (std::size_t k = 0; k < ascending.size(); ++k)
            EXPECT_EQ(version_less(ascending[i], ascending[k]), i < k)
                << ascending[i] << " and " << ascending[k];
    }
    EXPECT_FALSE(version_less("1.02", "1.2"));
    EXPECT_FALSE(version_less("1.2", "1.02"));
}

TEST(VmKernel, ChoosesTheNewestThatTheNameMeans)
{
    const std::vector<PackageVersion> versions{{"linux-image-amd64", "6.12.117-1", "trixie"},
                                               {"linux-image-amd64", "7.3.4-1~bpo13+1", "tb"},
                                               {"linux-image-amd64", "6.12.95-1~bpo12+1", "bb"},
                                               {"linux-image-amd64", "6.1.176-1", "bookworm"}};
    EXPECT_EQ(choose_kernel(versions, "newest").version, "7.3.4-1~bpo13+1");
    EXPECT_EQ(choose_kernel(versions, "6.12").version, "6.12.117-1");
    EXPECT_EQ(choose_kernel(versions, "6.1").version, "6.1.176-1");
    EXPECT_EQ(tests::thrown<core::UsageError>([&] { (void)choose_kernel(versions, "5.10"); }),
              "no kernel \"5.10\": Debian's archive has 6.12.117-1, 7.3.4-1~bpo13+1, "
              "6.12.95-1~bpo12+1, 6.1.176-1; \"newest\" is the newest of them");
    EXPECT_THAT(tests::thrown<core::UsageError>([&] { (void)choose_kernel({}, "newest"); }),
                HasSubstr("has none"));
}

TEST(VmModules, WhatIsNeededComesFirstAndOnce)
{
    const std::string dep =
        "kernel/fs/netfs/netfs.ko:\n"
        "kernel/net/9p/9pnet.ko.xz: kernel/fs/netfs/netfs.ko\n"
        "kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko.xz kernel/fs/netfs/netfs.ko\n"
        "kernel/crypto/crc32c-cryptoapi.ko:\n"
        "no colon here\n";
    EXPECT_THAT(load_order(dep, {"9pnet", "absent", "9p", "crc32c_cryptoapi"}),
                ElementsAre("kernel/fs/netfs/netfs.ko", "kernel/net/9p/9pnet.ko.xz",
                            "kernel/fs/9p/9p.ko", "kernel/crypto/crc32c-cryptoapi.ko"));
    EXPECT_EQ(module_name("kernel/drivers/virtio/virtio-pci.ko.xz"), "virtio_pci");
    EXPECT_EQ(module_name("igb"), "igb");
}

TEST(VmTools, ReadsQemusVersion)
{
    EXPECT_EQ(parse_qemu_version("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright"),
              10U);
    EXPECT_EQ(parse_qemu_version("QEMU emulator version 7.2.11"), 7U);
    EXPECT_EQ(parse_qemu_version("QEMU emulator version x"), std::nullopt);
    EXPECT_EQ(parse_qemu_version(""), std::nullopt);
}

TEST(VmAccelerator, ACpuSaysThatItVirtualises)
{
    EXPECT_TRUE(cpu_can_virtualise("model name : x\nflags\t\t: fpu vmx sse\n"));
    EXPECT_TRUE(cpu_can_virtualise("flags\t\t: svm\n"));
    EXPECT_FALSE(cpu_can_virtualise("flags\t\t: fpu vmx_not svm_lock\n"));
    EXPECT_FALSE(cpu_can_virtualise(""));
}

/// The kernel has an unpacker of its own; cpio(1)'s relative in BusyBox is not on every machine:
/// the layout is read here by its document.
TEST(VmCpio, IsAnArchiveOfTheKernelsFormat)
{
    CpioArchive archive;
    archive.folder("bin");
    archive.file("bin/sh", "12345", true);
    archive.symlink("link", "bin/sh");
    const std::string bytes = std::move(archive).finish();
    std::vector<std::string> entries;
    constexpr std::size_t header_bytes = 110;
    constexpr std::size_t field_bytes = 8;
    constexpr std::size_t magic_bytes = 6;
    const auto field = [&](std::size_t at, std::size_t index) {
        return std::stoul(bytes.substr(at + magic_bytes + index * field_bytes, field_bytes),
                          nullptr, 16);
    };
    for (std::size_t at = 0; at < bytes.size();) {
        ASSERT_EQ(bytes.substr(at, magic_bytes), "070701");
        const std::size_t file_bytes = field(at, 6);
        const std::size_t name_bytes = field(at, 11);
        const auto padded = [](std::size_t count) { return (count + 3) / 4 * 4; };
        const std::size_t content = at + padded(header_bytes + name_bytes);
        ASSERT_LE(content + file_bytes, bytes.size());
        entries.push_back(fmt::format("{:o} {} {}", field(at, 1),
                                      bytes.substr(at + header_bytes, name_bytes - 1),
                                      bytes.substr(content, file_bytes)));
        at = content + padded(file_bytes);
    }
    EXPECT_THAT(entries, ElementsAre("40755 bin ", "100755 bin/sh 12345", "120777 link bin/sh",
                                     "0 TRAILER!!! "));
}

/// The script goes through a shell: what comes out at the other end is what went in.
TEST(VmJob, EveryWordSurvivesTheShell)
{
    const std::vector<std::string> words{"it's", "a  b", "$HOME", "`x`", "", "\"", "\\", "*", "-n"};
    GuestJob job{
        .command = {"printf", "[%s]"}, .folder = "/", .environment = {{"VALUE", "a'b $c"}}};
    job.command.insert(job.command.end(), words.begin(), words.end());
    const tests::TempFolder folder;
    const std::string script = job_script(job);
    const std::string path = folder.write("job", std::as_bytes(std::span(script)));
    std::string expected;
    for (const std::string& word : words)
        expected += '[' + word + ']';
    EXPECT_EQ(output_of({.args = {"/bin/sh", path}}), expected);
    job.command = {"sh", "-c", "echo \"$VALUE\"; pwd"};
    job.folder = folder.path();
    const std::string second = job_script(job);
    EXPECT_EQ(
        output_of({.args = {"/bin/sh", folder.write("job", std::as_bytes(std::span(second)))}}),
        "a'b $c\n" + folder.path() + "\n");
}

TEST(VmConsole, KeepsTheLastLinesAndThePanic)
{
    ConsoleTail tail;
    for (int i = 0; i < 100; ++i)
        tail.append(fmt::format("line {}\r\n", i));
    tail.append("[    4.0] Kernel panic - not ");
    EXPECT_EQ(tail.panic(), "");
    tail.append("syncing: why\r\nopen");
    EXPECT_EQ(tail.panic(), "Kernel panic - not syncing: why");
    const std::vector<std::string> lines = tail.lines();
    ASSERT_EQ(lines.size(), ConsoleTail::kNumLines);
    EXPECT_EQ(lines.back(), "open");
    EXPECT_EQ(lines[lines.size() - 2], "[    4.0] Kernel panic - not syncing: why");
    EXPECT_EQ(lines[lines.size() - 3], "line 99");
    tail.append("\x1b[2J\x07");
    EXPECT_EQ(tail.lines().back(), "open[2J") << "no control characters";
    ConsoleTail endless;
    endless.append(std::string(1'000'000, 'x'));
    EXPECT_LE(endless.lines().size(), ConsoleTail::kNumLines);
    EXPECT_LE(endless.lines().front().size(), 4096U);
}

TEST(VmMachine, TheHostsFilesAreSharedForReadingOnly)
{
    MachineConfig machine{.kernel = "/k", .append = {"quiet"}, .results = "/a,b"};
    Tools tools;
    tools.qemu = "qemu";
    const std::vector<std::string> args = qemu_arguments(machine, tools);
    EXPECT_THAT(args, Contains(AllOf(HasSubstr("path=/,"), HasSubstr("readonly=on"))));
    EXPECT_THAT(args,
                Contains(AllOf(HasSubstr("path=/a,,b,"), testing::Not(HasSubstr("readonly")))));
    EXPECT_THAT(args, Contains("-no-reboot"));
    EXPECT_THAT(args, Contains("tcg"));
    EXPECT_THAT(args, testing::Not(Contains(HasSubstr("virtconsole"))));
    machine.results.clear();
    const std::vector<std::string> without = qemu_arguments(machine, tools);
    EXPECT_EQ(std::count_if(without.begin(), without.end(),
                            [](const std::string& word) { return word.starts_with("local,"); }),
              1);
}

} // namespace
} // namespace pagewire::testbed::vm
