// SPDX-License-Identifier: BSD-3-Clause
// The veth lab with several hardware queues: as many as the plan says, each of use to an engine.
#include "core/units.hpp"
#include "nic/xdp_device.hpp"
#include "testbed/experiment.hpp"
#include "testbed/lab.hpp"
#include "tests/support/source_file.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>

namespace pagewire::testbed {
namespace {

const std::atomic<bool> never_interrupted{false};

void expect_queues(const Plan& plan, std::uint32_t num_queues)
{
    const auto lab = open_veth_lab(plan);
    const nic::XdpDevice device = nic::probe_xdp_device(lab->sender_netns(), lab->link().interface);
    EXPECT_EQ(device.num_tx_queues, num_queues);
    EXPECT_EQ(device.num_rx_queues, num_queues);
    EXPECT_EQ(lab->describe().at("queues"), num_queues);
}

TEST(VethLabQueues, AreAsManyAsThePlanSays)
{
    Plan plan;
    expect_queues(plan, 1);
    plan.num_queues = 3;
    expect_queues(plan, 3);
    plan.num_queues = 64;
    expect_queues(plan, 64);
}

TEST(VethLabQueues, ReachToTheEnginesQueue)
{
    Plan plan;
    plan.num_queues = 2;
    plan.dataplane.queue = 4;
    expect_queues(plan, 5);
}

TEST(VethLabQueues, EachCarriesAFile)
{
    const tests::SourceFile file(4 * core::kMiB + 5);
    for (std::uint32_t queue = 0; queue < 3; ++queue) {
        Plan plan;
        plan.path = file.path();
        plan.methods = {"af_xdp"};
        plan.cache = {CacheState::kCold};
        plan.rounds = 1;
        plan.ceilings = false;
        plan.ledger = LedgerMode::kOff;
        plan.num_queues = 3;
        plan.dataplane.queue = queue;
        const RunResult result =
            run_experiment(plan, never_interrupted, [](const testbed::ProgressNote&) {});
        ASSERT_EQ(result.rows.size(), 1U);
        EXPECT_EQ(result.rows.front().status(), "ok")
            << "queue " << queue << ": " << result.rows.front().reason();
    }
}

} // namespace
} // namespace pagewire::testbed
