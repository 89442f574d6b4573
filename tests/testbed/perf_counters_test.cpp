// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/perf_counters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <vector>

namespace pagewire::testbed {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::UnorderedElementsAre;

constexpr PerfEvent kPageFaults{"page_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS};
constexpr PerfEvent kTaskClock{"task_clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK};
constexpr PerfEvent kImpossible{"impossible", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_MAX};

/// Takes one fault for each page: the memory is new, and its pages are small.
void fault(std::size_t num_pages)
{
    const std::size_t page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t bytes = num_pages * page_bytes;
    void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(base, MAP_FAILED);
    (void)::madvise(base, bytes, MADV_NOHUGEPAGE); // a kernel without them has small pages
    auto* memory = static_cast<volatile char*>(base);
    for (std::size_t at = 0; at < bytes; at += page_bytes)
        memory[at] = 1;
    ::munmap(base, bytes);
}

/// The software events, which every kernel counts for whom it lets.
class SoftwareCounters : public ::testing::Test {
  protected:
    void SetUp() override
    {
        if (counters_.reason().empty())
            return;
        ASSERT_THAT(counters_.reason(),
                    AnyOf(HasSubstr("not permitted"), HasSubstr("Function not implemented")));
        GTEST_SKIP() << counters_.reason();
    }

    std::array<PerfEvent, 2> events_{kPageFaults, kTaskClock};
    PerfCounters counters_{events_};
};

TEST_F(SoftwareCounters, CountBetweenStartAndStop)
{
    counters_.start();
    fault(100);
    const auto counts = counters_.stop();
    EXPECT_THAT(counts, UnorderedElementsAre(Key("page_faults"), Key("task_clock")));
    EXPECT_GE(counts.at("page_faults"), 100U);
    EXPECT_LT(counts.at("page_faults"), 1000U);
    EXPECT_GT(counts.at("task_clock"), 0U);
    EXPECT_THAT(counters_.reason(), IsEmpty());
}

TEST_F(SoftwareCounters, LeaveOutWhatIsBeforeStartAndAfterStop)
{
    fault(2000);
    counters_.start();
    const auto counts = counters_.stop();
    fault(2000);
    EXPECT_LT(counts.at("page_faults"), 1000U);
    EXPECT_EQ(counters_.stop().at("page_faults"), counts.at("page_faults"));
}

/// What another thread does is not the transfer's.
TEST_F(SoftwareCounters, OnlyThisThread)
{
    counters_.start();
    std::thread([] { fault(2000); }).join();
    EXPECT_LT(counters_.stop().at("page_faults"), 1000U);
}

/// All events or none: a ratio of counts of different transfers would be no ratio.
TEST_F(SoftwareCounters, AnImpossibleEventLeavesNone)
{
    for (const auto& events : std::vector<std::vector<PerfEvent>>{
             {kImpossible}, {kPageFaults, kImpossible}, {kImpossible, kPageFaults}}) {
        PerfCounters counters(events);
        EXPECT_EQ(counters.reason(), "no PMU that counts impossible");
        counters.start();
        fault(10);
        EXPECT_THAT(counters.stop(), IsEmpty());
        EXPECT_EQ(counters.reason(), "no PMU that counts impossible");
    }
}

TEST_F(SoftwareCounters, ACounterThatNeverRanIsNotZero)
{
    EXPECT_THAT(counters_.stop(), IsEmpty()); // never started
    EXPECT_EQ(counters_.reason(), "the counter of page_faults never ran");
}

/// Whatever this machine is: counts, or the reason why there are none.
TEST(PerfCounters, DefaultEventsGiveCountsOrAReason)
{
    PerfCounters counters;
    counters.start();
    fault(100);
    const auto counts = counters.stop();
    if (counters.reason().empty()) {
        EXPECT_THAT(counts,
                    UnorderedElementsAre(Key("cycles"), Key("instructions"), Key("llc_misses")));
        EXPECT_GT(counts.at("instructions"), 0U);
    } else {
        EXPECT_THAT(counts, IsEmpty());
    }
}

} // namespace
} // namespace pagewire::testbed
