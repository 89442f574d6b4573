// SPDX-License-Identifier: BSD-3-Clause
//
// cache_residency(), make_cold() and make_hot() of core/source_file.hpp.

#include "core/source_file.hpp"

#include "core/error.hpp"
#include "core/units.hpp"
#include "tests/support/in_child.hpp"
#include "tests/support/random_bytes.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/thrown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <vector>

namespace pagewire::core {
namespace {

using ::testing::StartsWith;
using tests::random_bytes;
using tests::TempFolder;
using tests::thrown;

constexpr std::size_t kPage = 4096;

/// Pages of the file in the page cache, asked for in another way than the code under test does.
std::size_t pages_by_mincore(int fd, std::size_t file_bytes, ByteRange range)
{
    void* base = ::mmap(nullptr, file_bytes, PROT_READ, MAP_SHARED, fd, 0);
    EXPECT_NE(base, MAP_FAILED);
    std::vector<unsigned char> residency((file_bytes + kPage - 1) / kPage);
    EXPECT_EQ(::mincore(base, file_bytes, residency.data()), 0);
    ::munmap(base, file_bytes);
    std::size_t count = 0;
    for (std::size_t page = range.offset / kPage; page <= (range.end() - 1) / kPage; ++page)
        count += residency[page] & 1;
    return count;
}

/// From now on cachestat(2) is unknown in this process, as before Linux 6.5.
void forbid_cachestat()
{
    constexpr unsigned sys_cachestat = 451;
    std::array<sock_filter, 4> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sys_cachestat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{.len = program.size(), .filter = program.data()};
    checked(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl");
    checked(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), "prctl");
}

class PageCache : public ::testing::Test {
  protected:
    static constexpr std::size_t kBytes = kMiB + 100; // 257 pages
    static constexpr ByteRange kAll{.offset = 0, .length = kBytes};

    void SetUp() override
    {
        if (const std::string name = file_system_name(fd_.get());
            name == "tmpfs" || name == "ramfs")
            GTEST_SKIP() << folder_.path() << " is in memory (" << name << ')';
    }

    [[nodiscard]] CacheResidency residency(ByteRange range) const
    {
        return cache_residency(fd_.get(), range, file_);
    }

    [[nodiscard]] std::size_t num_cached(ByteRange range) const
    {
        return pages_by_mincore(fd_.get(), kBytes, range);
    }

    TempFolder folder_;
    std::string file_ = folder_.write("data", random_bytes(kBytes, 1));
    UniqueFd fd_ = open_source_file(file_);
};

/// Ranges that begin and end in the middle of pages, on their edges, and in the last, short page.
constexpr std::array<ByteRange, 7> kRanges{{{.offset = 0, .length = 1},
                                            {.offset = 4095, .length = 2},
                                            {.offset = 4096, .length = 4096},
                                            {.offset = 4097, .length = 4096},
                                            {.offset = 100'003, .length = 300'000},
                                            {.offset = kMiB, .length = 100},
                                            {.offset = 1, .length = kMiB + 99}}};

TEST_F(PageCache, ColdAndHotAgainByTheKernelsOtherWord)
{
    EXPECT_EQ(num_cached(kAll), 257U) << "just written";
    make_cold(fd_.get(), kAll, file_);
    EXPECT_EQ(num_cached(kAll), 0U);
    EXPECT_EQ(residency(kAll).num_cached, 0U);
    EXPECT_EQ(residency(kAll).num_pages, 257U);
    make_hot(fd_.get(), kAll, file_);
    EXPECT_EQ(num_cached(kAll), 257U);
    EXPECT_EQ(residency(kAll).num_cached, 257U);
}

TEST_F(PageCache, ResidencyOfARangeCountsThePagesThatItTouches)
{
    for (const ByteRange range : kRanges) {
        SCOPED_TRACE(::testing::Message() << range.offset << '+' << range.length);
        const std::uint64_t num_pages = (range.end() - 1) / kPage - range.offset / kPage + 1;
        make_hot(fd_.get(), kAll, file_);
        EXPECT_EQ(residency(range).num_pages, num_pages);
        EXPECT_EQ(residency(range).num_cached, num_pages);
        make_cold(fd_.get(), kAll, file_);
        EXPECT_EQ(residency(range).num_pages, num_pages);
        EXPECT_EQ(residency(range).num_cached, 0U);
    }
}

/// In its parts as in the whole: the page cache may hold larger units than the range has.
TEST_F(PageCache, RangesGetColdAndHotInTheMiddleOfAHotFile)
{
    for (const ByteRange range : kRanges) {
        SCOPED_TRACE(::testing::Message() << range.offset << '+' << range.length);
        make_hot(fd_.get(), kAll, file_);
        make_cold(fd_.get(), range, file_);
        EXPECT_EQ(num_cached(range), 0U);
        make_hot(fd_.get(), range, file_);
        EXPECT_EQ(num_cached(range), residency(range).num_pages);
    }
}

TEST_F(PageCache, ColdWritesDirtyPagesBackFirst)
{
    const auto content = random_bytes(kBytes, 2);
    folder_.write("data", content);
    make_cold(fd_.get(), kAll, file_);
    std::vector<std::byte> got(kBytes);
    ASSERT_EQ(::pread(fd_.get(), got.data(), got.size(), 0), static_cast<ssize_t>(kBytes));
    EXPECT_EQ(got, content);
}

TEST_F(PageCache, ColdIsRefusedWhileAnotherProcessHoldsPages)
{
    make_hot(fd_.get(), kAll, file_);
    void* base = ::mmap(nullptr, kPage, PROT_READ, MAP_SHARED | MAP_POPULATE, fd_.get(), 0);
    ASSERT_NE(base, MAP_FAILED);
    EXPECT_THAT(thrown<TransferError>([&] { make_cold(fd_.get(), kAll, file_); }),
                StartsWith(file_ + ": cache state cold: "));
    ::munmap(base, kPage);
    EXPECT_NO_THROW(make_cold(fd_.get(), kAll, file_));
}

TEST_F(PageCache, HotEndsWhereTheFileDoes)
{
    EXPECT_EQ(thrown<TransferError>(
                  [&] { make_hot(fd_.get(), {.offset = 0, .length = kBytes + 1}, file_); }),
              file_ + ": ends at byte " + std::to_string(kBytes) + ", before its range does");
}

TEST_F(PageCache, WithoutCachestatMincoreSaysTheSame)
{
    for (const bool hot : {true, false}) {
        if (hot)
            make_hot(fd_.get(), kAll, file_);
        else
            make_cold(fd_.get(), kAll, file_);
        const int code = tests::in_child([&] {
            forbid_cachestat();
            for (std::size_t i = 0; i < kRanges.size(); ++i) {
                const CacheResidency got = residency(kRanges[i]);
                if (got.num_cached != (hot ? got.num_pages : 0))
                    return static_cast<int>(i) + 1;
            }
            return 0;
        });
        EXPECT_EQ(code, 0) << (hot ? "hot" : "cold");
    }
}

TEST(PageCacheOnTmpfs, CannotBeCold)
{
    if (!std::filesystem::is_directory("/dev/shm"))
        GTEST_SKIP() << "no /dev/shm";
    const TempFolder folder("/dev/shm");
    const std::string file = folder.write("data", random_bytes(kPage, 1));
    const UniqueFd fd = open_source_file(file);
    if (file_system_name(fd.get()) != "tmpfs")
        GTEST_SKIP() << "/dev/shm is not tmpfs";
    EXPECT_THAT(
        thrown<TransferError>([&] { make_cold(fd.get(), {.offset = 0, .length = kPage}, file); }),
        ::testing::EndsWith("keeps its files in memory: tmpfs)"));
}

} // namespace
} // namespace pagewire::core
