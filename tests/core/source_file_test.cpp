// SPDX-License-Identifier: BSD-3-Clause
#include "core/source_file.hpp"

#include "core/error.hpp"
#include "tests/support/in_child.hpp"
#include "tests/support/random_bytes.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/thrown.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <filesystem>

namespace pagewire::core {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using tests::random_bytes;
using tests::TempFolder;
using tests::thrown;

constexpr uid_t kNobody = 65534;
constexpr std::size_t kPage = 4096;

std::string refusal(const std::string& path)
{
    return thrown<UsageError>([&] { (void)open_source_file(path); });
}

TEST(OpenSourceFile, ReadsARegularFile)
{
    const TempFolder folder;
    const auto content = random_bytes(10, 1);
    const UniqueFd fd = open_source_file(folder.write("data", content));
    std::vector<std::byte> got(20);
    ASSERT_EQ(::read(fd.get(), got.data(), got.size()), 10);
    got.resize(10);
    EXPECT_EQ(got, content);
    EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(::write(fd.get(), got.data(), 1), -1) << "the source file must never be written to";
}

TEST(OpenSourceFile, ThroughASymbolicLink)
{
    const TempFolder folder;
    const std::string file = folder.write("data", random_bytes(10, 1));
    std::filesystem::create_symlink(file, folder.path("link"));
    EXPECT_TRUE(open_source_file(folder.path("link")));
}

TEST(OpenSourceFile, WhatIsNoSourceFileIsRefusedInOneLine)
{
    const TempFolder folder;
    EXPECT_EQ(refusal(""), "the file's name is empty: name a regular file");
    EXPECT_EQ(refusal(folder.path("none")),
              folder.path("none") + ": cannot be read: No such file or directory");
    EXPECT_EQ(refusal(folder.path()), folder.path() + ": is a directory: name a regular file");
    EXPECT_EQ(refusal(folder.write("empty", {})),
              folder.path("empty") + ": is empty: there is nothing to send");
    EXPECT_THAT(refusal("/dev/null"), StartsWith("/dev/null: is not a regular file"));
    std::filesystem::create_symlink(folder.path("nowhere"), folder.path("dangling"));
    EXPECT_THAT(refusal(folder.path("dangling")), HasSubstr("No such file or directory"));
}

TEST(OpenSourceFile, FifoWithoutAWriterDoesNotHang)
{
    const TempFolder folder;
    const std::string fifo = folder.path("fifo");
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    ::alarm(30); // ends the test program where open(2) waits for a writer
    EXPECT_THAT(refusal(fifo), StartsWith(fifo + ": is not a regular file"));
    ::alarm(0);
}

TEST(OpenSourceFile, Socket)
{
    const TempFolder folder;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder.path("socket");
    ASSERT_LT(path.size(), sizeof(address.sun_path));
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    const UniqueFd socket(checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    checked(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            "bind", path);
    EXPECT_THAT(refusal(path), StartsWith(path + ": "));
}

/// root reads everything: be nobody, in a process that ends with it.
TEST(OpenSourceFile, Unreadable)
{
    const TempFolder folder;
    const std::string file = folder.write("secret", random_bytes(10, 1));
    ASSERT_EQ(::chmod(file.c_str(), 0), 0);
    ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
    const int code = tests::in_child([&] {
        if (::geteuid() == 0 && ::setuid(kNobody) != 0)
            return 2;
        try {
            (void)open_source_file(file);
        } catch (const UsageError& error) {
            return error.what() == file + ": cannot be read: Permission denied" ? 0 : 3;
        }
        return 4;
    });
    if (code == 2)
        GTEST_SKIP() << "cannot become another user here";
    EXPECT_EQ(code, 0);
}

class Identity : public ::testing::Test {
  protected:
    [[nodiscard]] static FileIdentity of(const std::string& path)
    {
        return FileIdentity::of(open_source_file(path).get(), path);
    }

    [[nodiscard]] std::string difference() const { return before_.difference(of(file_)); }

    /// Sets the file's times of access and change; that of its inode follows the clock.
    void set_mtime(std::int64_t nanoseconds) const
    {
        const timespec time{.tv_sec = nanoseconds / 1'000'000'000,
                            .tv_nsec = nanoseconds % 1'000'000'000};
        const std::array<timespec, 2> times{time, time};
        checked(::utimensat(AT_FDCWD, file_.c_str(), times.data(), 0), "utimensat", file_);
    }

    /// The clock that stamps inodes ticks every few milliseconds: waits until a change shows.
    template<typename Change>
    void change_visibly(Change change) const
    {
        do {
            ::usleep(1000);
            change();
        } while (of(file_).ctime_ns == before_.ctime_ns);
    }

    TempFolder folder_;
    std::string file_ = folder_.write("data", random_bytes(4096, 1));
    FileIdentity before_ = of(file_);
};

TEST_F(Identity, SameWhileNobodyTouchesIt)
{
    EXPECT_EQ(difference(), "");
    char octet = 0;
    ASSERT_EQ(::read(open_source_file(file_).get(), &octet, 1), 1);
    EXPECT_EQ(difference(), "") << "reading is no change";
}

TEST_F(Identity, FactsAreThoseOfStat)
{
    struct stat facts {};

    ASSERT_EQ(::stat(file_.c_str(), &facts), 0);
    EXPECT_EQ(before_.inode, facts.st_ino);
    EXPECT_EQ(before_.size, 4096U);
    EXPECT_EQ(before_.mtime_ns, facts.st_mtim.tv_sec * 1'000'000'000 + facts.st_mtim.tv_nsec);
    EXPECT_EQ(before_.ctime_ns, facts.st_ctim.tv_sec * 1'000'000'000 + facts.st_ctim.tv_nsec);
}

TEST_F(Identity, Truncated)
{
    ASSERT_EQ(::truncate(file_.c_str(), 100), 0);
    EXPECT_THAT(difference(), ::testing::AllOf(HasSubstr("4096"), HasSubstr("100")));
}

TEST_F(Identity, Written)
{
    change_visibly([&] {
        const UniqueFd fd(checked(::open(file_.c_str(), O_WRONLY | O_CLOEXEC), "open", file_));
        ASSERT_EQ(::pwrite(fd.get(), "x", 1, 17), 1);
    });
    EXPECT_EQ(difference(), "it was written to");
}

/// What `touch -d` or an archive tool would do to hide the change: the inode's own time tells.
TEST_F(Identity, WrittenAndDatedBack)
{
    change_visibly([&] {
        const UniqueFd fd(checked(::open(file_.c_str(), O_WRONLY | O_CLOEXEC), "open", file_));
        ASSERT_EQ(::pwrite(fd.get(), "x", 1, 17), 1);
        set_mtime(before_.mtime_ns);
    });
    EXPECT_EQ(of(file_).mtime_ns, before_.mtime_ns);
    EXPECT_EQ(difference(), "its inode was changed");
}

TEST_F(Identity, Replaced)
{
    const std::string other = folder_.write("other", random_bytes(4096, 1));
    std::filesystem::rename(other, file_);
    EXPECT_EQ(difference(), "it was replaced by another file");
}

TEST(DirectIo, NotOnTmpfs)
{
    if (!std::filesystem::is_directory("/dev/shm"))
        GTEST_SKIP() << "no /dev/shm";
    const TempFolder folder("/dev/shm");
    const UniqueFd fd = open_source_file(folder.write("data", random_bytes(4096, 1)));
    if (file_system_name(fd.get()) != "tmpfs")
        GTEST_SKIP() << "/dev/shm is not tmpfs";
    std::string why;
    EXPECT_FALSE(direct_io_alignment(fd.get(), why));
    EXPECT_THAT(why, HasSubstr("tmpfs"));
}

TEST(DirectIo, OnExt4)
{
    const TempFolder folder;
    const UniqueFd fd = open_source_file(folder.write("data", random_bytes(4096, 1)));
    if (file_system_name(fd.get()) != "ext4")
        GTEST_SKIP() << folder.path() << " is not on ext4";
    std::string why;
    const auto alignment = direct_io_alignment(fd.get(), why);
    ASSERT_TRUE(alignment) << why;
    for (const std::uint32_t bytes : {alignment->memory, alignment->offset}) {
        EXPECT_GT(bytes, 0U);
        EXPECT_EQ(bytes & (bytes - 1), 0U) << bytes << " is not a power of two";
        EXPECT_LE(bytes, kPage);
    }
}

} // namespace
} // namespace pagewire::core
