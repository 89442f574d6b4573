// SPDX-License-Identifier: BSD-3-Clause
// Methods that hand pages through a pipe, over the loopback device, where the receiver's queue has
// the sender's own pages in it: with a pipe that is smaller than they would like, and a receiver
// that reads long after the sender has gone on. splice(2) is this program's own, so that it can
// move less than it was asked for.
#include "core/error.hpp"
#include "core/units.hpp"
#include "testbed/registry.hpp"
#include "tests/kernelpath/tcp_transfer.hpp"
#include "tests/support/in_child.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <string>

namespace {

unsigned one_in = 0; ///< so many calls moves half of what it was asked for, or is interrupted
unsigned num_calls = 0;

} // namespace

extern "C" ssize_t splice(int from, off64_t* from_offset, int to, off64_t* to_offset,
                          std::size_t bytes, unsigned flags)
{
    ++num_calls;
    if (one_in != 0 && num_calls % (2 * one_in) == 0) {
        errno = EINTR;
        return -1;
    }
    if (one_in != 0 && num_calls % one_in == 0)
        bytes = bytes / 2 + 1;
    return ::syscall(SYS_splice, from, from_offset, to, to_offset, bytes, flags);
}

namespace pagewire::kernelpath {
namespace {

class SpliceMethods : public testing::TestWithParam<const char*>, protected tests::TcpTransfer {
  protected:
    SpliceMethods() { num_calls = 0; }

    [[nodiscard]] static const core::Method& method() { return *testbed::find_method(GetParam()); }
};

TEST_P(SpliceMethods, TurnsAreChunksOfAnySize)
{
    for (const std::size_t chunk : {1 * core::kMiB, 64 * core::kKiB, 5'000UL}) {
        SCOPED_TRACE(chunk);
        job.chunk_bytes = chunk;
        const core::TransferReport report = run(method());
        EXPECT_GE(report.num_turns, num_chunks());
        EXPECT_EQ(report.facts.count("pipe_refused"), 0U);
    }
}

/// Long enough for the sender to have read far beyond what the receiver has seen.
TEST_P(SpliceMethods, ASlowReceiverGetsTheRightBytes)
{
    for (const std::size_t chunk : {256 * core::kKiB, 4 * core::kKiB}) {
        job.chunk_bytes = chunk;
        (void)run(method(), std::chrono::milliseconds(300));
    }
}

TEST_P(SpliceMethods, APipeThatMayNotGrowIsUsedAsItIs)
{
    const int code = tests::in_child([&] {
        core::checked(::chmod(job.path.c_str(), 0644), "chmod");
        if (::geteuid() == 0) // a user without CAP_SYS_RESOURCE
            core::checked(::setresuid(65534, 65534, 65534), "setresuid");
        job.chunk_bytes = 4 * core::kMiB; // more than /proc/sys/fs/pipe-max-size
        const core::TransferReport report = run(method());
        const bool refused = report.facts.count("pipe_refused") == 1 &&
                             report.facts.at("pipe_refused").find("F_SETPIPE_SZ 4194304: ") == 0;
        return refused && !testing::Test::HasFailure() ? 0 : 1;
    });
    EXPECT_EQ(code, 0);
}

INSTANTIATE_TEST_SUITE_P(Each, SpliceMethods, testing::Values("splice", "vmsplice", "uring_splice"),
                         [](const auto& param) { return std::string(param.param); });

class CallsOfSplice : public SpliceMethods {};

TEST_P(CallsOfSplice, ShortAndInterruptedOnesAreMadeUpFor)
{
    (void)run(method());
    const unsigned num_whole = num_calls;
    one_in = 3;
    num_calls = 0;
    (void)run(method());
    one_in = 0;
    EXPECT_GT(num_calls, num_whole + num_whole / 4);
}

INSTANTIATE_TEST_SUITE_P(Each, CallsOfSplice, testing::Values("splice", "vmsplice"),
                         [](const auto& param) { return std::string(param.param); });

/// Why the method vmsplice lets go of its memory: what is written to a page after vmsplice(2) is
/// what comes out.
TEST(VmspliceOfTheKernel, TakesReferencesAndNoCopy)
{
    alignas(4096) static std::array<char, 4096> page{};
    page.fill('a');
    std::array<int, 2> ends{};
    core::checked(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
    const core::UniqueFd read_end(ends[0]);
    const core::UniqueFd write_end(ends[1]);
    const iovec part{.iov_base = page.data(), .iov_len = page.size()};
    ASSERT_EQ(::vmsplice(write_end.get(), &part, 1, SPLICE_F_GIFT), 4096);
    page.fill('b');
    std::array<char, 4096> got{};
    ASSERT_EQ(::read(read_end.get(), got.data(), got.size()), 4096);
    EXPECT_EQ(std::string(got.data(), 3), "bbb");
}

} // namespace
} // namespace pagewire::kernelpath
