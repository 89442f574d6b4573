// SPDX-License-Identifier: BSD-3-Clause
// The methods of io_uring over the loopback device, with a kernel that takes less than it was
// asked for, refuses, completes in another order, or knows less. Some functions of liburing are
// this program's own for that: they change what is submitted or completed, and leave the rest to
// the library's.
#include "core/error.hpp"
#include "core/units.hpp"
#include "testbed/registry.hpp"
#include "tests/kernelpath/tcp_transfer.hpp"
#include "tests/support/in_child.hpp"
#include "tests/support/thrown.hpp"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <liburing.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {

struct Faults {
    bool short_reads = false;   ///< half of what was asked for
    bool short_sends = false;   ///< the same, of the last of a chain
    bool short_splices = false; ///< half of what was asked for, of a quarter
    int refusal = 0;       ///< of a third of the sends and splices: an error, instead of being made
    bool reorders = false; ///< completions of a kind come last one first
    bool knows_usage = true;    ///< IORING_SEND_ZC_REPORT_USAGE
    int no_ring = 0;            ///< an error for whoever makes a ring
    bool knows_nothing = false; ///< no operation is supported
};

Faults faults;
std::set<std::uint64_t> refused; // user_data of those under way
std::mt19937 dice(9);
std::uint64_t num_refused = 0;
std::uint64_t num_reordered = 0;
std::uint64_t num_shortened = 0;
bool breaks_chain = false;

template<typename Function>
Function* real(const char* name)
{
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

void refuse(io_uring_sqe& sqe)
{
    sqe.fd = -1; // and what is linked to it is cancelled, as behind every failure
    refused.insert(sqe.user_data);
}

void spoil(io_uring_sqe& sqe)
{
    constexpr unsigned block = 4096; // any file system is content with its multiples
    if (sqe.opcode == IORING_OP_READ_FIXED && faults.short_reads && sqe.len >= 2 * block) {
        sqe.len = sqe.len / 2 / block * block;
        ++num_shortened;
    }
    if (sqe.opcode == IORING_OP_SPLICE && breaks_chain) { // as the kernel does behind a short one
        breaks_chain = false;
        return refuse(sqe);
    }
    if (sqe.opcode == IORING_OP_SPLICE && faults.short_splices && sqe.len > 2 && dice() % 4 == 0) {
        sqe.len = sqe.len / 2 + 1;
        breaks_chain = (sqe.flags & IOSQE_IO_LINK) != 0;
        ++num_shortened;
    }
    if (sqe.opcode != IORING_OP_SEND_ZC && sqe.opcode != IORING_OP_SPLICE)
        return;
    if (sqe.opcode == IORING_OP_SEND_ZC && faults.short_sends && (sqe.flags & IOSQE_IO_LINK) == 0 &&
        sqe.len > 1000) {
        sqe.len = sqe.len / 2 + 1;
        ++num_shortened;
    }
    if (faults.refusal != 0 && dice() % 3 == 0)
        refuse(sqe);
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
            cqe->res = faults.refusal != 0 ? -faults.refusal : -ECANCELED;
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

class UringMethods : public testing::TestWithParam<const char*>, protected tests::TcpTransfer {
  protected:
    UringMethods()
    {
        faults = {};
        refused.clear();
        num_refused = num_reordered = num_shortened = 0;
        breaks_chain = false;
    }

    [[nodiscard]] static const core::Method& method() { return *testbed::find_method(GetParam()); }

    core::TransferReport run() { return TcpTransfer::run(method()); }
};

TEST_P(UringMethods, SendTheFileByTurnsOfAChunk)
{
    for (const std::size_t chunk : {1 * core::kMiB, 64 * core::kKiB, 4 * core::kKiB, 5'000UL}) {
        SCOPED_TRACE(chunk);
        job.chunk_bytes = chunk;
        EXPECT_EQ(run().num_turns, num_chunks());
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
    EXPECT_THAT(thrown<core::SystemError>([&] { (void)attempt(method()); }),
                HasSubstr("io_uring_setup: Operation not permitted"));
}

INSTANTIATE_TEST_SUITE_P(Each, UringMethods, testing::Values("uring_send_zc", "uring_splice"),
                         [](const auto& param) { return std::string(param.param); });

class UringSendZc : public UringMethods {};

TEST_P(UringSendZc, EverySendIsNotifiedOf)
{
    const core::TransferReport report = run();
    EXPECT_EQ(report.counters.at("zerocopy_notifications"), num_chunks());
    EXPECT_EQ(report.counters.at("zerocopy_copied"), num_chunks()); // to this machine
    EXPECT_EQ(report.zero_copy_requested, "SEND_ZC");
    EXPECT_EQ(report.zero_copy_kernel_reported, "copy");
    EXPECT_EQ(report.facts.count("notifications"), 0U);
}

TEST_P(UringSendZc, ShortReadsAreReadOn)
{
    faults.short_reads = true;
    EXPECT_EQ(run().num_turns, num_chunks());
    EXPECT_GT(num_shortened, num_chunks());
}

TEST_P(UringSendZc, ShortSendsAreSentOnInOrder)
{
    faults.short_sends = true;
    const core::TransferReport report = run();
    EXPECT_GT(num_shortened, 0U);
    EXPECT_EQ(report.num_turns, num_chunks());
    EXPECT_EQ(report.counters.at("zerocopy_notifications"), num_chunks() + num_shortened);
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
    with_receiver([this] {
        EXPECT_EQ(thrown<core::SystemError>([&] { (void)attempt(method()); }),
                  "SEND_ZC connection to the sink: Operation not permitted");
    });
}

TEST_P(UringSendZc, CompletionsComeInAnyOrder)
{
    faults.reorders = true;
    EXPECT_EQ(run().num_turns, num_chunks());
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
        core::checked(::chmod(job.path.c_str(), 0644), "chmod");
        const rlimit limit{.rlim_cur = 64 * core::kKiB, .rlim_max = 64 * core::kKiB};
        core::checked(::setrlimit(RLIMIT_MEMLOCK, &limit), "setrlimit");
        if (::geteuid() == 0) // a user without CAP_IPC_LOCK
            core::checked(::setresuid(65534, 65534, 65534), "setresuid");
        try {
            (void)attempt(method());
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

class UringSplice : public UringMethods {};

TEST_P(UringSplice, ShortOnesAreMadeUpForInOrder)
{
    faults.short_splices = true;
    EXPECT_GT(run().num_turns, num_chunks());
    EXPECT_GT(num_shortened, 10U);
}

TEST_P(UringSplice, BrokenChainsAreTakenUpInOrder)
{
    for (const int error : {EAGAIN, EINTR}) {
        faults = {.refusal = error};
        num_refused = 0;
        EXPECT_EQ(run().num_turns, num_chunks());
        EXPECT_GT(num_refused, 10U);
    }
}

TEST_P(UringSplice, FailsOnWhatIsNoRefusal)
{
    faults.refusal = EPERM;
    with_receiver([this] {
        EXPECT_THAT(thrown<core::SystemError>([&] { (void)attempt(method()); }),
                    AllOf(HasSubstr("SPLICE "), HasSubstr(": Operation not permitted")));
    });
}

INSTANTIATE_TEST_SUITE_P(The, UringSplice, testing::Values("uring_splice"),
                         [](const auto& param) { return std::string(param.param); });

} // namespace
} // namespace pagewire::kernelpath
