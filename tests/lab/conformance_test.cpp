// SPDX-License-Identifier: BSD-3-Clause
// One suite over every method of the registry: a newcomer is tested by being in its folder's Meson
// list.
#include "core/units.hpp"
#include "testbed/experiment.hpp"
#include "testbed/registry.hpp"
#include "tests/support/source_file.hpp"

#include <gtest/gtest.h>

#include <atomic>

namespace pagewire::testbed {
namespace {

const std::atomic<bool> never_interrupted{false};

struct Shape {
    const char* name;
    std::uint64_t size;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::uint32_t mtu = 9000;
    bool sparse = false;
};

constexpr std::uint64_t kMiB = core::kMiB;

constexpr Shape kShapes[] = {
    {.name = "one_byte", .size = 1},
    {.name = "block_less_one", .size = 4095},
    {.name = "block", .size = 4096},
    {.name = "block_and_one", .size = 4097},
    {.name = "large_and_one", .size = 64 * kMiB + 1},
    {.name = "sparse", .size = 3 * kMiB + 17, .sparse = true},
    {.name = "range_unaligned", .size = 2 * kMiB, .offset = 4097, .length = kMiB + 3},
    {.name = "range_last_byte", .size = kMiB + 1, .offset = kMiB},
    {.name = "range_inside_a_block", .size = 10'000, .offset = 5'000, .length = 100},
    {.name = "mtu_least", .size = kMiB + 1, .mtu = 576},
    {.name = "mtu_ethernet", .size = 4 * kMiB + 1, .mtu = 1500},
    {.name = "mtu_one_page", .size = 4 * kMiB + 1, .mtu = 4096 + 52},
    {.name = "mtu_largest", .size = 8 * kMiB + 1, .mtu = 65535},
};

class Conformance : public testing::TestWithParam<std::tuple<const core::Method*, Shape>> {};

TEST_P(Conformance, DeliversEveryByte)
{
    const auto& [method, shape] = GetParam();
    const tests::SourceFile file(shape.size, shape.sparse);
    Plan plan;
    plan.path = file.path();
    plan.offset = shape.offset;
    plan.length = shape.length;
    plan.methods = {std::string(method->name)};
    plan.cache = {CacheState::kCold, CacheState::kHot};
    plan.rounds = 1;
    plan.mtu = shape.mtu;
    plan.ceilings = false;
    plan.ledger = LedgerMode::kWith; // which must change nothing

    const RunResult result =
        run_experiment(plan, never_interrupted, [](const testbed::ProgressNote&) {});

    ASSERT_EQ(result.rows.size(), 2U);
    const std::uint64_t length = shape.length != 0 ? shape.length : shape.size - shape.offset;
    const std::uint64_t num_blocks = (length + core::kBlockBytes - 1) / core::kBlockBytes;
    for (const Row& row : result.rows) {
        EXPECT_EQ(row.status(), "ok") << row.reason();
        EXPECT_EQ(row.reason(), "");
        ASSERT_EQ(row.samples.size(), 1U);
        const Sample& sample = row.samples.front();
        EXPECT_TRUE(sample.sink.verified);
        EXPECT_EQ(sample.sink.blocks.good, num_blocks);
        EXPECT_EQ(sample.sink.blocks.bad, 0U);
        EXPECT_EQ(sample.sink.blocks.missing, 0U);
        EXPECT_EQ(sample.sink.bytes_good, length);
        EXPECT_EQ(sample.sink.bytes_foreign, 0U);
        EXPECT_EQ(sample.worker.report.bytes_sent, length);
        EXPECT_GT(sample.goodput_gbps, 0.0);
    }
}

std::vector<const core::Method*> delivering_methods()
{
    std::vector<const core::Method*> result;
    for (const core::Method* method : methods()) {
        if (!method->is_ceiling)
            result.push_back(method);
    }
    return result;
}

INSTANTIATE_TEST_SUITE_P(EveryMethod, Conformance,
                         testing::Combine(testing::ValuesIn(delivering_methods()),
                                          testing::ValuesIn(kShapes)),
                         [](const auto& param) {
                             return std::string(std::get<0>(param.param)->name) + "_" +
                                    std::get<1>(param.param).name;
                         });

} // namespace
} // namespace pagewire::testbed
