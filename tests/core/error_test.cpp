// SPDX-License-Identifier: BSD-3-Clause
#include "core/error.hpp"

#include "tests/support/thrown.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace pagewire::core {
namespace {

TEST(Checked, NamesTheCallItsObjectAndTheReason)
{
    EXPECT_EQ(tests::thrown<SystemError>([] { checked(::open("/x/y", O_RDONLY), "open", "/x/y"); }),
              "open /x/y: No such file or directory");
}

TEST(Checked, WithoutAnObject)
{
    EXPECT_EQ(tests::thrown<SystemError>([] {
                  errno = EMFILE;
                  checked(-1, "socket");
              }),
              "socket: Too many open files");
}

TEST(Checked, PassesResultsThrough)
{
    errno = EIO; // of an earlier call: not to be looked at
    EXPECT_EQ(checked(0, "call"), 0);
    EXPECT_EQ(checked(7, "call"), 7);
    EXPECT_EQ(checked(ssize_t{1} << 40, "call"), ssize_t{1} << 40);
}

TEST(ThrowError, KeepsTheErrnoInTheGenericCategory)
{
    try {
        throw_error(EACCES, "open", "/dev/sda");
        FAIL();
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::error_code(EACCES, std::generic_category()));
        EXPECT_EQ(error.code(), std::errc::permission_denied);
        EXPECT_STREQ(error.what(), "open /dev/sda: Permission denied");
    }
}

TEST(ThrowErrno, TakesTheErrnoOfNow)
{
    errno = ENOSPC;
    EXPECT_EQ(tests::thrown<SystemError>([] { throw_errno("write", "f"); }),
              "write f: No space left on device");
}

TEST(SystemError, CopiesKeepTheirText)
{
    const auto copy = [] {
        SystemError original(ENOENT, "open", "a rather long name that does not fit a short string");
        return original;
    }();
    const SystemError again(copy); // NOLINT(performance-unnecessary-copy-initialization)
    EXPECT_STREQ(
        again.what(),
        "open a rather long name that does not fit a short string: No such file or directory");
}

TEST(ErrnoText, UnknownNumbersHaveATextToo)
{
    EXPECT_EQ(errno_text(EINVAL), "Invalid argument");
    EXPECT_FALSE(errno_text(100000).empty());
}

} // namespace
} // namespace pagewire::core
