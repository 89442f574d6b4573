// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/generated_file.hpp"
#include "tests/testbed/disk_folder.hpp"
#include "tests/testbed/usage_error.hpp"

#include "core/error.hpp"
#include "core/units.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

namespace pagewire::testbed {
namespace {

using core::kMiB;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string content_of(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

struct stat stat_of(const std::string& path)
{
    struct stat facts {};

    EXPECT_EQ(::lstat(path.c_str(), &facts), 0) << path;
    return facts;
}

using GeneratedFile = DiskFolder;

TEST_F(GeneratedFile, IsMadeWhole)
{
    const std::string file = generated_file(folder_, 3 * kMiB);
    EXPECT_EQ(file, path("random-3MiB.bin"));
    const auto facts = stat_of(file);
    EXPECT_TRUE(S_ISREG(facts.st_mode));
    EXPECT_EQ(facts.st_size, 3 * static_cast<off_t>(kMiB));
    EXPECT_EQ(facts.st_nlink, 1U);
    EXPECT_GE(facts.st_blocks * 512, facts.st_size) << "has holes";
    const auto entries = std::filesystem::directory_iterator(folder_);
    EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

TEST_F(GeneratedFile, SizesThatAreNotWholeMiB)
{
    for (const std::uint64_t bytes : {std::uint64_t{1}, std::uint64_t{4097}, kMiB - 1, kMiB + 1}) {
        const std::string file = generated_file(folder_, bytes);
        EXPECT_EQ(file, path("random-" + std::to_string(bytes) + "B.bin"));
        EXPECT_EQ(stat_of(file).st_size, static_cast<off_t>(bytes));
    }
}

TEST_F(GeneratedFile, ContentIsRandomAndTheSameEachTime)
{
    const std::string file = generated_file(folder_, 2 * kMiB + 5);
    const std::string content = content_of(file);
    std::filesystem::remove(file);
    EXPECT_EQ(content_of(generated_file(folder_, 2 * kMiB + 5)), content);

    // No byte value is far from its share of 1/256 (8192; five standard deviations are 452)...
    std::array<int, 256> counts{};
    for (const char c : content)
        ++counts[static_cast<unsigned char>(c)];
    for (const int count : counts)
        EXPECT_NEAR(count, 8192, 452);
    // ... no block of the file is like another, and another size has other bytes.
    EXPECT_NE(content.substr(0, 4096), content.substr(kMiB, 4096));
    EXPECT_NE(content_of(generated_file(folder_, 3 * kMiB)).substr(0, 4096),
              content.substr(0, 4096));
}

TEST_F(GeneratedFile, IsUsedAgain)
{
    const auto first = stat_of(generated_file(folder_, kMiB));
    const auto second = stat_of(generated_file(folder_, kMiB));
    EXPECT_EQ(second.st_ino, first.st_ino);
    EXPECT_EQ(second.st_mtim.tv_sec, first.st_mtim.tv_sec);
    EXPECT_EQ(second.st_mtim.tv_nsec, first.st_mtim.tv_nsec);
}

TEST_F(GeneratedFile, WrongSizeIsRefusedAndKept)
{
    std::ofstream(path("random-1MiB.bin")) << "mine";
    EXPECT_EQ(error_of([&] { (void)generated_file(folder_, kMiB); }),
              path("random-1MiB.bin") +
                  ": has 4 bytes, and not the 1048576 of its name: remove it");
    EXPECT_EQ(content_of(path("random-1MiB.bin")), "mine");
}

TEST_F(GeneratedFile, OtherThanARegularFileIsRefused)
{
    ASSERT_EQ(::mkdir(path("random-1MiB.bin").c_str(), 0755), 0);
    EXPECT_EQ(error_of([&] { (void)generated_file(folder_, kMiB); }),
              path("random-1MiB.bin") + ": is not a regular file: remove it");
    ASSERT_EQ(::symlink(path("nowhere").c_str(), path("random-2MiB.bin").c_str()), 0);
    EXPECT_EQ(error_of([&] { (void)generated_file(folder_, 2 * kMiB); }),
              path("random-2MiB.bin") + ": is not a regular file: remove it");
}

TEST_F(GeneratedFile, FolderInMemoryIsRefused)
{
    std::string memory = "/dev/shm/pagewire-generated-XXXXXX";
    if (::mkdtemp(memory.data()) == nullptr)
        GTEST_SKIP() << "no /dev/shm to write to";
    const bool is_tmpfs = file_system_of(memory) == "tmpfs";
    std::string error;
    if (is_tmpfs)
        error = error_of([&] { (void)generated_file(memory, kMiB); });
    const bool is_left_empty = std::filesystem::is_empty(memory);
    std::filesystem::remove_all(memory);
    if (!is_tmpfs)
        GTEST_SKIP() << "/dev/shm is not in memory";
    EXPECT_EQ(error, memory + ": is in memory (tmpfs), where no disk is measured: set "
                              "PAGEWIRE_CACHE to a folder on a disk");
    EXPECT_TRUE(is_left_empty);
}

TEST_F(GeneratedFile, FolderThatIsNotThere)
{
    EXPECT_EQ(error_of([&] { (void)generated_file(path("none"), kMiB); }),
              path("none") +
                  ": No such file or directory: set PAGEWIRE_CACHE to a folder on a disk");
}

TEST_F(GeneratedFile, FolderThatIsNotWritable)
{
    ASSERT_EQ(::chmod(folder_.c_str(), 0555), 0);
    // root writes everywhere: be somebody else for a moment.
    const uid_t self = ::geteuid();
    if (self == 0 && ::seteuid(kNobody) != 0)
        GTEST_SKIP() << "this user may write everywhere";
    const std::string error = error_of([&] { (void)generated_file(folder_, kMiB); });
    ASSERT_EQ(::seteuid(self), 0);
    EXPECT_EQ(
        error,
        folder_ +
            ": cannot be written: Permission denied: set PAGEWIRE_CACHE to a folder on a disk");
}

TEST_F(GeneratedFile, DiskTooSmall)
{
    struct statvfs facts {};

    ASSERT_EQ(::statvfs(folder_.c_str(), &facts), 0);
    const std::uint64_t bytes = std::uint64_t{facts.f_blocks} * facts.f_frsize + kMiB;
    EXPECT_THAT(
        error_of([&] { (void)generated_file(folder_, bytes); }),
        AllOf(StartsWith(folder_), HasSubstr(": No space left on device: " + std::to_string(bytes)),
              HasSubstr(" bytes are needed and "),
              EndsWith("free: make room, or set PAGEWIRE_CACHE to a folder on another disk")));
    EXPECT_TRUE(is_empty());
}

TEST_F(GeneratedFile, FileSizeLimitIsAnErrorAndNoSignal)
{
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit small{.rlim_cur = kMiB, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const std::string error = error_of([&] { (void)generated_file(folder_, 2 * kMiB); });
    EXPECT_NO_THROW((void)generated_file(folder_, kMiB));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);

    EXPECT_THAT(error,
                AllOf(StartsWith(path("random-2MiB.bin") + ": File too large: 2097152 bytes"),
                      EndsWith("choose a smaller size")));
    EXPECT_FALSE(std::filesystem::exists(path("random-2MiB.bin")));
    sigset_t signals;
    ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, nullptr, &signals), 0);
    EXPECT_EQ(::sigismember(&signals, SIGXFSZ), 0) << "left blocked";
}

TEST_F(GeneratedFile, ProcessesThatMakeItTogetherShareOne)
{
    std::array<pid_t, 4> children{};
    for (pid_t& child : children) {
        child = ::fork();
        if (child == 0) {
            try {
                (void)generated_file(folder_, 8 * kMiB);
            } catch (...) {
                ::_exit(1);
            }
            ::_exit(0);
        }
    }
    for (const pid_t child : children) {
        int status = -1;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
    }
    const auto entries = std::filesystem::directory_iterator(folder_);
    EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
    EXPECT_EQ(stat_of(path("random-8MiB.bin")).st_size, 8 * static_cast<off_t>(kMiB));
}

/// A system call on which the process dies, before the kernel carries it out.
struct DeathPoint {
    std::string name;
    unsigned call = 0;
    std::optional<unsigned> third_argument; ///< none: any
};

/// Kills this process (SIGKILL) at the death point: a seccomp filter traps the call, the handler
/// does the rest.
void die_at(const DeathPoint& point)
{
    struct sigaction action {};

    action.sa_handler = [](int) { ::kill(::getpid(), SIGKILL); };
    core::checked(::sigaction(SIGSYS, &action, nullptr), "sigaction");
    // Little-endian: the low half of the argument comes first.
    constexpr auto third = static_cast<unsigned>(offsetof(seccomp_data, args) + 2 * sizeof(__u64));
    const __u8 skip_unless_equal = point.third_argument ? 1 : 0;
    std::array<sock_filter, 6> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, point.call, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, third),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, point.third_argument.value_or(0), 0, skip_unless_equal),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    sock_fprog filter{.len = program.size(), .filter = program.data()};
    core::checked(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl");
    core::checked(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), "prctl");
}

class KilledMaker : public GeneratedFile, public ::testing::WithParamInterface<DeathPoint> {};

constexpr std::uint64_t kThreePieces = 2 * kMiB + 100; // written as 1 MiB, 1 MiB and 100 bytes

INSTANTIATE_TEST_SUITE_P(At, KilledMaker,
                         ::testing::Values(DeathPoint{"Reserve", __NR_fallocate, {}},
                                           DeathPoint{"FirstWrite", __NR_write, {}},
                                           DeathPoint{"LastWrite", __NR_write, 100U},
                                           DeathPoint{"Sync", __NR_fdatasync, {}},
                                           DeathPoint{"Link", __NR_linkat, {}}),
                         [](const auto& point) { return point.param.name; });

TEST_P(KilledMaker, LeavesNoFile)
{
    const int status = status_of_child([&] {
        die_at(GetParam());
        (void)generated_file(folder_, kThreePieces);
    });
    ASSERT_TRUE(WIFSIGNALED(status)) << "was not stopped on its way: status " << status;
    ASSERT_EQ(WTERMSIG(status), SIGKILL);
    EXPECT_TRUE(is_empty());
    EXPECT_EQ(stat_of(generated_file(folder_, kThreePieces)).st_size,
              static_cast<off_t>(kThreePieces));
}

} // namespace
} // namespace pagewire::testbed
