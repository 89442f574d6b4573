// SPDX-License-Identifier: BSD-3-Clause
// The methods of io_uring over the loopback device, with a kernel that takes less than it was
// asked for, refuses, completes in another order, or knows less. Some functions of liburing are
// this program's own for that: they change what is submitted or completed, and leave the rest to
// the library's.
#include "core/error.hpp"
#include "core/socket.hpp"
#include "core/units.hpp"
#include "testbed/registry.hpp"
#include "tests/support/in_child.hpp"
#include "tests/support/source_file.hpp"
#include "tests/support/thrown.hpp"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <liburing.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Faults {
    bool short_reads = false;   ///< half of what was asked for
    bool short_sends = false;   ///< the same, of the last of a chain
    int refusal = 0;            ///< of a third of the sends: an error, instead of being made
    bool reorders = false;      ///< completions of a kind come last one first
    bool knows_usage = true;    ///< IORING_SEND_ZC_REPORT_USAGE
    int no_ring = 0;            ///< an error for whoever makes a ring
    bool knows_nothing = false; ///< no operation is supported
};

Faults faults;
std::set<std::uint64_t> refused; // user_data of sends under way
std::mt19937 dice(9);
std::uint64_t num_refused = 0;
std::uint64_t num_reordered = 0;
std::uint64_t num_shortened = 0;

template<typename Function>
Function* real(const char* name)
{
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

void spoil(io_uring_sqe& sqe)
{
    constexpr unsigned block = 4096; // any file system is content with its multiples
    if (sqe.opcode == IORING_OP_READ_FIXED && faults.short_reads && sqe.len >= 2 * block) {
        sqe.len = sqe.len / 2 / block * block;
        ++num_shortened;
    }
    if (sqe.opcode != IORING_OP_SEND_ZC)
        return;
    if (faults.short_sends && (sqe.flags & IOSQE_IO_LINK) == 0 && sqe.len > 1000) {
        sqe.len = sqe.len / 2 + 1;
        ++num_shortened;
    }
    if (faults.refusal != 0 && dice() % 3 == 0) {
        sqe.fd = -1; // and what is linked to it is cancelled, as behind every failure
        refused.insert(sqe.user_data);
    }
}

/// Those completions that `is_one` says, in the reverse order, where they are.
template<typename IsOne>
void reverse(const std::vector<io_uring_cqe*>& completions, IsOne is_one)
{
    std::vector<io_uring_cqe*> ones;
    std::copy_if(completions.begin(), completions.end(), std::back_inserter(ones), is_one);
    for (std::size_t i = 0; i < ones.size() / 2; ++i) {
        std::swap(*ones[i], *ones[ones.size() - 1 - i]);
        ++num_reordered;
    }
}

void spoil_completions(io_uring& ring, unsigned from)
{
    std::vector<io_uring_cqe*> completions;
    for (unsigned at = from; at != *ring.cq.ktail; ++at)
        completions.push_back(&ring.cq.cqes[at & ring.cq.ring_mask]);
    for (io_uring_cqe* cqe : completions) {
        if (cqe->res == -EBADF && refused.erase(cqe->user_data) == 1) {
            cqe->res = -faults.refusal;
            ++num_refused;
        }
    }
    if (!faults.reorders)
        return;
    const auto is_notification = [](const io_uring_cqe* cqe) {
        return (cqe->flags & IORING_CQE_F_NOTIF) != 0;
    };
    reverse(completions, is_notification);
    reverse(completions, [](const io_uring_cqe* cqe) {
        return (cqe->flags & (IORING_CQE_F_NOTIF | IORING_CQE_F_MORE)) == 0;
    });
}

} // namespace

extern "C" int io_uring_submit_and_wait_timeout(io_uring* ring, io_uring_cqe** cqe, unsigned num,
                                                __kernel_timespec* time, sigset_t* signals)
{
    for (unsigned at = ring->sq.sqe_head; at != ring->sq.sqe_tail; ++at)
        spoil(ring->sq.sqes[at & ring->sq.ring_mask]);
    const unsigned from = *ring->cq.ktail;
    static auto* const call = real<decltype(io_uring_submit_and_wait_timeout)>(__func__);
    const int result = call(ring, cqe, num, time, signals);
    spoil_completions(*ring, from);
    return result;
}

extern "C" int io_uring_submit_and_wait(io_uring* ring, unsigned num)
{
    static auto* const call = real<decltype(io_uring_submit_and_wait)>(__func__);
    const int result = call(ring, num);
    if (!faults.knows_usage)
        ring->cq.cqes[*ring->cq.khead & ring->cq.ring_mask].res = -EINVAL;
    return result;
}

extern "C" int io_uring_queue_init(unsigned entries, io_uring* ring, unsigned flags)
{
    static auto* const call = real<decltype(io_uring_queue_init)>(__func__);
    return faults.no_ring != 0 ? -faults.no_ring : call(entries, ring, flags);
}

extern "C" io_uring_probe* io_uring_get_probe_ring(io_uring* ring)
{
    static auto* const call = real<decltype(io_uring_get_probe_ring)>(__func__);
    io_uring_probe* probe = call(ring);
    if (probe != nullptr && faults.knows_nothing)
        probe->ops_len = probe->last_op = 0;
    return probe;
}

namespace pagewire::kernelpath {
namespace {

using testing::HasSubstr;
using tests::thrown;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kFileBytes = 5 * core::kMiB + 77;

class Watch final : public core::TransferWatch {
  public:
    void begin() override {}

    void sent() override {}

    void acknowledged() override {}

    void check() const override
    {
        if (Clock::now() > deadline_)
            throw core::TransferError("time limit");
    }

  private:
    Clock::time_point deadline_ = Clock::now() + std::chrono::seconds(20);
};

class UringMethods : public testing::TestWithParam<const char*> {
  protected:
    UringMethods() : file_(kFileBytes), listener_(core::open_socket(SOCK_STREAM))
    {
        ::signal(SIGPIPE, SIG_IGN); // as a worker does
        faults = {};
        refused.clear();
        num_refused = num_reordered = num_shortened = 0;
        core::bind_socket(listener_.get(), htonl(INADDR_LOOPBACK), 0);
        core::checked(::listen(listener_.get(), 1), "listen");
        job_.path = file_.path();
        job_.range = {.offset = 4097, .length = kFileBytes - 4097};
        job_.chunk_bytes = 16 * core::kKiB;
        job_.peer = {.ipv4 = htonl(INADDR_LOOPBACK),
                     .port = core::local_address(listener_.get()).port};
    }

    [[nodiscard]] static const core::Method& method() { return *testbed::find_method(GetParam()); }

    /// A whole transfer, to a receiver that compares what it gets with the file.
    core::TransferReport run()
    {
        std::vector<char> got;
        std::thread receiver([&] { got = receive(); });
        core::TransferReport report;
        std::string error;
        try {
            Watch watch;
            report = method().run(job_, watch);
        } catch (const std::exception& thrown) {
            error = thrown.what();
        }
        receiver.join();
        EXPECT_EQ(error, "");
        std::ifstream in(file_.path(), std::ios::binary);
        in.seekg(static_cast<std::streamoff>(job_.range.offset));
        std::vector<char> wanted(job_.range.length);
        in.read(wanted.data(), static_cast<std::streamsize>(wanted.size()));
        EXPECT_EQ(got.size(), wanted.size());
        EXPECT_TRUE(got == wanted)
            << "first wrong byte at "
            << std::mismatch(got.begin(), got.end(), wanted.begin(), wanted.end()).first -
                   got.begin();
        EXPECT_EQ(report.bytes_sent, job_.range.length);
        return report;
    }

    tests::SourceFile file_;
    core::UniqueFd listener_;
    core::TransferJob job_;

  private:
    [[nodiscard]] std::vector<char> receive() const
    {
        const core::UniqueFd stream(
            core::checked(::accept(listener_.get(), nullptr, nullptr), "accept"));
        std::vector<char> got(kFileBytes + 1);
        std::size_t length = 0;
        for (ssize_t taken = 1; taken > 0 && length < got.size();) {
            taken = ::recv(stream.get(), got.data() + length, got.size() - length, 0);
            length += static_cast<std::size_t>(std::max<ssize_t>(taken, 0));
        }
        got.resize(length);
        const char acknowledged = 0x06;
        (void)::send(stream.get(), &acknowledged, 1, MSG_NOSIGNAL);
        return got;
    }
};

std::uint64_t num_chunks(const core::TransferJob& job)
{
    return (job.range.length + job.chunk_bytes - 1) / job.chunk_bytes;
}

TEST_P(UringMethods, SendTheFileByTurnsOfAChunk)
{
    for (const std::size_t chunk : {1 * core::kMiB, 64 * core::kKiB, 4 * core::kKiB, 5'000UL}) {
        SCOPED_TRACE(chunk);
        job_.chunk_bytes = chunk;
        EXPECT_EQ(run().num_turns, num_chunks(job_));
    }
}

TEST_P(UringMethods, SayWhyNot)
{
    EXPECT_EQ(method().probe().reason(), "");
    faults.knows_nothing = true;
    EXPECT_THAT(method().probe().reason(), HasSubstr("this kernel's io_uring has no "));
    faults = {.no_ring = EPERM};
    EXPECT_EQ(method().probe().reason(), "io_uring cannot be used: Operation not permitted (see "
                                         "the sysctl kernel.io_uring_disabled)");
    EXPECT_THAT(thrown<core::SystemError>([&] {
                    Watch watch;
                    (void)method().run(job_, watch);
                }),
                HasSubstr("io_uring_setup: Operation not permitted"));
}

INSTANTIATE_TEST_SUITE_P(Each, UringMethods, testing::Values("uring_send_zc"),
                         [](const auto& param) { return std::string(param.param); });

class UringSendZc : public UringMethods {};

TEST_P(UringSendZc, EverySendIsNotifiedOf)
{
    const core::TransferReport report = run();
    EXPECT_EQ(report.counters.at("zerocopy_notifications"), num_chunks(job_));
    EXPECT_EQ(report.counters.at("zerocopy_copied"), num_chunks(job_)); // to this machine
    EXPECT_EQ(report.zero_copy_requested, "SEND_ZC");
    EXPECT_EQ(report.zero_copy_kernel_reported, "copy");
    EXPECT_EQ(report.facts.count("notifications"), 0U);
}

TEST_P(UringSendZc, ShortReadsAreReadOn)
{
    faults.short_reads = true;
    EXPECT_EQ(run().num_turns, num_chunks(job_));
    EXPECT_GT(num_shortened, num_chunks(job_));
}

TEST_P(UringSendZc, ShortSendsAreSentOnInOrder)
{
    faults.short_sends = true;
    const core::TransferReport report = run();
    EXPECT_GT(num_shortened, 0U);
    EXPECT_EQ(report.num_turns, num_chunks(job_));
    EXPECT_EQ(report.counters.at("zerocopy_notifications"), num_chunks(job_) + num_shortened);
}

TEST_P(UringSendZc, RefusedSendsAreMadeAgainInOrder)
{
    for (const int error : {ENOMEM, ENOBUFS, EAGAIN, EINTR}) {
        faults = {.refusal = error};
        num_refused = 0;
        const core::TransferReport report = run();
        EXPECT_GT(num_refused, 10U);
        EXPECT_EQ(report.counters.at("zerocopy_refused"),
                  error == ENOMEM || error == ENOBUFS ? num_refused : 0U);
    }
}

TEST_P(UringSendZc, FailsOnWhatIsNoRefusal)
{
    faults.refusal = EPERM;
    std::thread receiver([this] {
        const core::UniqueFd stream(::accept(listener_.get(), nullptr, nullptr));
        std::vector<char> some(kFileBytes);
        while (::recv(stream.get(), some.data(), some.size(), 0) > 0)
            ;
    });
    EXPECT_EQ(thrown<core::SystemError>([&] {
                  Watch watch;
                  (void)method().run(job_, watch);
              }),
              "SEND_ZC connection to the sink: Operation not permitted");
    receiver.join();
}

TEST_P(UringSendZc, CompletionsComeInAnyOrder)
{
    faults.reorders = true;
    EXPECT_EQ(run().num_turns, num_chunks(job_));
    EXPECT_GT(num_reordered, 0U);
}

TEST_P(UringSendZc, WithoutUsageReportsTheKernelHasNoWord)
{
    faults.knows_usage = false;
    const core::TransferReport report = run();
    EXPECT_EQ(report.zero_copy_requested, "SEND_ZC");
    EXPECT_EQ(report.zero_copy_kernel_reported, "");
    EXPECT_EQ(report.counters.at("zerocopy_copied"), 0U);
    EXPECT_THAT(report.facts.at("usage"), HasSubstr("Linux 6.2"));
}

TEST_P(UringSendZc, TooLittleLockedMemoryIsNamed)
{
    const int code = tests::in_child([&] {
        core::checked(::chmod(file_.path().c_str(), 0644), "chmod");
        const rlimit limit{.rlim_cur = 64 * core::kKiB, .rlim_max = 64 * core::kKiB};
        core::checked(::setrlimit(RLIMIT_MEMLOCK, &limit), "setrlimit");
        if (::geteuid() == 0) // a user without CAP_IPC_LOCK
            core::checked(::setresuid(65534, 65534, 65534), "setresuid");
        try {
            Watch watch;
            (void)method().run(job_, watch);
        } catch (const core::SystemError& error) {
            std::fprintf(stderr, "%s\n", error.what());
            return std::strstr(error.what(), "RLIMIT_MEMLOCK") != nullptr ? 0 : 2;
        }
        return 1;
    });
    EXPECT_EQ(code, 0);
}

INSTANTIATE_TEST_SUITE_P(The, UringSendZc, testing::Values("uring_send_zc"),
                         [](const auto& param) { return std::string(param.param); });

} // namespace
} // namespace pagewire::kernelpath
