// SPDX-License-Identifier: BSD-3-Clause
#include "core/mapping.hpp"

#include "core/error.hpp"
#include "core/unique_fd.hpp"
#include "core/units.hpp"
#include "tests/support/in_child.hpp"
#include "tests/support/random_bytes.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/thrown.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <limits>
#include <utility>

namespace pagewire::core {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::size_t kPage = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));

/// The kernel has no mapping at the page of `at` any more.
bool is_unmapped(const std::byte* at)
{
    unsigned char residency = 0;
    auto* page = const_cast<std::byte*>(at) - reinterpret_cast<std::uintptr_t>(at) % kPage;
    return ::mincore(page, kPage, &residency) == -1 && errno == ENOMEM;
}

TEST(Mapping, NoneIsEmpty)
{
    const Mapping none;
    EXPECT_FALSE(none);
    EXPECT_EQ(none.size(), 0U);
    EXPECT_EQ(none.data(), nullptr);
    EXPECT_TRUE(none.bytes().empty());
}

TEST(AnonymousMapping, IsZeroedWritableAndOfWholePages)
{
    const Mapping mapping = Mapping::anonymous(kPage + 1);
    ASSERT_TRUE(mapping);
    EXPECT_EQ(mapping.size(), 2 * kPage);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(mapping.data()) % kPage, 0U);
    EXPECT_TRUE(std::all_of(mapping.bytes().begin(), mapping.bytes().end(),
                            [](std::byte byte) { return byte == std::byte{0}; }));
    std::fill(mapping.bytes().begin(), mapping.bytes().end(), std::byte{0x5a});
    EXPECT_EQ(mapping.page_note(), "4 KiB pages");
}

TEST(AnonymousMapping, IsPopulated)
{
    const Mapping mapping = Mapping::anonymous(64 * kPage);
    std::vector<unsigned char> residency(64);
    ASSERT_EQ(::mincore(mapping.data(), mapping.size(), residency.data()), 0);
    EXPECT_TRUE(
        std::all_of(residency.begin(), residency.end(), [](auto page) { return (page & 1) != 0; }));
}

TEST(AnonymousMapping, IsOnSmallPagesWhereThatIsAskedFor)
{
    const Mapping mapping = Mapping::anonymous(8 * kMiB, Mapping::Pages::kSmall);
    EXPECT_EQ(mapping.page_note(), "4 KiB pages");
}

/// A child that had the pages would make the parent's next write go to a copy, behind the device's
/// back.
TEST(AnonymousMapping, IsNotInheritedByFork)
{
    const Mapping mapping = Mapping::anonymous(kPage);
    EXPECT_EQ(tests::in_child([&] { return is_unmapped(mapping.data()) ? 0 : 1; }), 0)
        << "the child has the pages too";
}

TEST(AnonymousMapping, TooMuchNamesTheAmount)
{
    constexpr auto bytes = std::size_t{1} << 60;
    EXPECT_EQ(tests::thrown<SystemError>([] { (void)Mapping::anonymous(bytes); }),
              "mmap 1024 PiB of anonymous memory: Cannot allocate memory");
}

TEST(Mapping, HugePagesOrANoteWhyNot)
{
    // 2^50 bytes of hugepages are in no pool: what follows is the fall-back's own failure.
    EXPECT_THROW((void)Mapping::huge_or_anonymous(std::size_t{1} << 60), SystemError);

    const Mapping mapping = Mapping::huge_or_anonymous(kMiB);
    ASSERT_TRUE(mapping);
    EXPECT_GE(mapping.size(), kMiB);
    if (mapping.page_note() == "2 MiB hugepages") {
        EXPECT_EQ(mapping.size() % (2 * kMiB), 0U);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(mapping.data()) % (2 * kMiB), 0U);
    } else {
        EXPECT_THAT(mapping.page_note(),
                    AllOf(HasSubstr(" (no 2 MiB of reserved 2 MiB hugepages: "),
                          HasSubstr(errno_text(ENOMEM))));
    }
    std::fill(mapping.bytes().begin(), mapping.bytes().end(), std::byte{1});
}

TEST(Mapping, EndsWithItsOwner)
{
    const std::byte* at = nullptr;
    {
        const Mapping mapping = Mapping::anonymous(kPage);
        at = mapping.data();
        EXPECT_FALSE(is_unmapped(at));
    }
    EXPECT_TRUE(is_unmapped(at));
}

TEST(Mapping, MovesWithItsMemory)
{
    Mapping first = Mapping::anonymous(kPage);
    std::byte* const at = first.data();
    *at = std::byte{7};
    Mapping second = std::move(first);
    EXPECT_FALSE(first); // NOLINT(bugprone-use-after-move): what is left behind is promised
    EXPECT_EQ(second.data(), at);

    Mapping third = Mapping::anonymous(2 * kPage);
    third = std::move(second);
    EXPECT_EQ(third.data(), at);
    EXPECT_EQ(third.size(), kPage);
    EXPECT_EQ(third.page_note(), "4 KiB pages");
    EXPECT_EQ(*third.data(), std::byte{7});
}

class FileMapping : public ::testing::Test {
  protected:
    void SetUp() override
    {
        name_ = folder_.write("data", content_);
        file_ = UniqueFd(checked(::open(name_.c_str(), O_RDONLY | O_CLOEXEC), "open", name_));
    }

    tests::TempFolder folder_;
    std::vector<std::byte> content_ = tests::random_bytes(5 * kPage + 100, 1);
    std::string name_;
    UniqueFd file_;
};

TEST(AnonymousMapping, DiscardedPagesComeBackZeroed)
{
    const Mapping mapping = Mapping::anonymous(2 * 4096, Mapping::Pages::kSmall);
    std::ranges::fill(mapping.bytes(), std::byte{7});
    mapping.discard();
    EXPECT_EQ(std::ranges::count(mapping.bytes(), std::byte{0}), 2 * 4096);
}

TEST_F(FileMapping, AnyOffsetAndLength)
{
    for (const std::size_t offset :
         {std::size_t{0}, std::size_t{1}, kPage - 1, kPage, kPage + 1, 3 * kPage + 77}) {
        for (const std::size_t length :
             {std::size_t{1}, std::size_t{100}, kPage, kPage + 1, content_.size() - offset}) {
            const Mapping mapping = Mapping::file(file_.get(), offset, length, name_);
            ASSERT_EQ(mapping.size(), length);
            EXPECT_TRUE(std::equal(mapping.bytes().begin(), mapping.bytes().end(),
                                   content_.begin() + static_cast<std::ptrdiff_t>(offset)))
                << offset << ' ' << length;
        }
    }
}

TEST_F(FileMapping, UnalignedOneIsUnmappedWhole)
{
    const std::byte* at = nullptr;
    {
        const Mapping mapping =
            Mapping::file(file_.get(), kPage - 1, 2 * kPage, name_); // touches 4 pages
        at = mapping.data();
    }
    for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, kPage + 1, 2 * kPage})
        EXPECT_TRUE(is_unmapped(at + offset)) << offset;
}

/// The page cache's own pages: what is written to the file is seen.
TEST_F(FileMapping, IsShared)
{
    const Mapping mapping = Mapping::file(file_.get(), 10, 100, name_);
    const UniqueFd writer(checked(::open(name_.c_str(), O_WRONLY | O_CLOEXEC), "open", name_));
    const auto written = static_cast<unsigned char>(~std::to_integer<unsigned>(content_[10]));
    ASSERT_EQ(::pwrite(writer.get(), &written, 1, 10), 1);
    EXPECT_EQ(std::to_integer<unsigned char>(mapping.bytes().front()), written);
}

TEST_F(FileMapping, IsReadOnly)
{
    const Mapping mapping = Mapping::file(file_.get(), 0, kPage, name_);
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGSEGV, SIG_DFL); // a sanitizer would report it as its own
        *mapping.data() = std::byte{0};
        ::_exit(0);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) << status;
}

/// Other bytes of the file take the place of those that were mapped first.
TEST_F(FileMapping, OthersAreLaidOverIt)
{
    Mapping mapping = Mapping::file(file_.get(), 0, 3 * kPage, name_);
    std::byte* const at = mapping.data();

    struct Piece {
        std::size_t offset;
        std::size_t length;
    };

    for (const auto& [offset, length] :
         {Piece{kPage, 3 * kPage}, Piece{2 * kPage, 100}, Piece{kPage + 77, 2 * kPage},
          Piece{4 * kPage + 1, kPage}, Piece{3 * kPage - 1, 2}, Piece{0, 3 * kPage}}) {
        mapping.map_over(file_.get(), offset, length, name_);
        EXPECT_EQ(mapping.data(), at + offset % kPage) << offset;
        ASSERT_EQ(mapping.size(), length) << offset;
        EXPECT_TRUE(std::equal(mapping.bytes().begin(), mapping.bytes().end(),
                               content_.begin() + static_cast<std::ptrdiff_t>(offset)))
            << offset << ' ' << length;
    }
}

TEST_F(FileMapping, OverTheLongestThatFits)
{
    Mapping mapping = Mapping::file(file_.get(), 100, kPage, name_); // of kPage + 100 bytes
    std::byte* const at = mapping.data();
    for (const auto& piece : {std::pair(kPage, kPage + 101), std::pair(kPage + 50, kPage + 51),
                              std::pair(kPage + 101, kPage)}) {
        EXPECT_EQ(tests::thrown<UsageError>(
                      [&] { mapping.map_over(file_.get(), piece.first, piece.second, name_); }),
                  fmt::format("{}: {} bytes do not fit a mapping of {}", name_, kPage + 101,
                              kPage + 100));
        EXPECT_EQ(mapping.data(), at);
        EXPECT_EQ(mapping.size(), kPage);
        EXPECT_EQ(*mapping.data(), content_[100]);
    }
    mapping.map_over(file_.get(), kPage + 50, kPage + 50, name_);
    EXPECT_EQ(mapping.bytes().back(), content_[2 * kPage + 99]);
    EXPECT_THROW(Mapping().map_over(file_.get(), 0, 1, name_), UsageError);
}

TEST_F(FileMapping, LaidOverShowsTheFileItselfAndIsUnmappedWhole)
{
    const std::byte* at = nullptr;
    {
        Mapping mapping = Mapping::file(file_.get(), 0, 3 * kPage, name_);
        at = mapping.data();
        mapping.map_over(file_.get(), 2 * kPage + 10, 100, name_);
        const UniqueFd writer(checked(::open(name_.c_str(), O_WRONLY | O_CLOEXEC), "open", name_));
        const auto written =
            static_cast<unsigned char>(~std::to_integer<unsigned>(content_[2 * kPage + 10]));
        ASSERT_EQ(::pwrite(writer.get(), &written, 1, static_cast<off_t>(2 * kPage + 10)), 1);
        EXPECT_EQ(std::to_integer<unsigned char>(mapping.bytes().front()), written);
    }
    for (std::size_t page = 0; page < 3; ++page)
        EXPECT_TRUE(is_unmapped(at + page * kPage)) << page;
}

TEST_F(FileMapping, ErrorsNameTheFile)
{
    const UniqueFd write_only(checked(::open(name_.c_str(), O_WRONLY | O_CLOEXEC), "open", name_));
    EXPECT_EQ(
        tests::thrown<SystemError>([&] { (void)Mapping::file(write_only.get(), 0, 1, name_); }),
        "mmap " + name_ + ": Permission denied");
    Mapping mapping = Mapping::file(file_.get(), 0, kPage, name_);
    EXPECT_EQ(tests::thrown<SystemError>([&] { mapping.map_over(write_only.get(), 0, 1, name_); }),
              "mmap " + name_ + ": Permission denied");
}

} // namespace
} // namespace pagewire::core
