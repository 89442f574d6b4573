// SPDX-License-Identifier: BSD-3-Clause
// From bursts to rows, from rows to the document, and from the document to the table.
#include "testbed/latency/latency_document.hpp"

#include "core/units.hpp"
#include "testbed/registry.hpp"
#include "testbed/report/latency_table.hpp"
#include "testbed/result.hpp"
#include "testbed/transfer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pagewire::testbed {
namespace {

using nlohmann::json;
using report::latency_table;
using ::testing::HasSubstr;
using ::testing::Not;

/// 1 to 1000 microseconds, one of each, answered in a second.
Burst thousand_answers()
{
    LatencyHistogram histogram;
    for (std::uint64_t us = 1; us <= 1000; ++us)
        histogram.add(us * 1000);
    Burst burst;
    burst.client.num_answered = 1016;
    burst.client.elapsed_ns = 1'000'000'000;
    burst.client.histogram = histogram.entries();
    burst.client.latency_ns_min = histogram.min();
    burst.client.latency_ns_max = histogram.max();
    burst.client.verified = true;
    burst.client.blocks_good = 1048;
    return burst;
}

LatencyRow row_of(const char* method)
{
    LatencyRow row;
    row.method = find_method(method);
    row.cache = CacheState::kHot;
    row.file_bytes = 64 * core::kKiB;
    row.outstanding = 8;
    return row;
}

json document_of(std::vector<LatencyRow> rows)
{
    RunResult result;
    result.plan.latency.emplace();
    result.latency = std::move(rows);
    json document{{"plan", json::object()}};
    add_latency(document, result);
    return document;
}

TEST(LatencyDocument, HasTheFiguresOfTheBursts)
{
    LatencyRow row = row_of("sendfile_sg");
    row.add(thousand_answers());
    row.add(thousand_answers());
    const json document = document_of({row});
    const json& got = document.at("latency").at(0);
    EXPECT_EQ(got.at("method"), "sendfile_sg");
    EXPECT_EQ(got.at("wire"), "tcp");
    EXPECT_EQ(got.at("cache"), "hot");
    EXPECT_EQ(got.at("file_bytes"), 65'536);
    EXPECT_EQ(got.at("outstanding"), 8);
    EXPECT_EQ(got.at("status"), "ok");
    EXPECT_TRUE(got.at("reason").is_null());
    EXPECT_EQ(got.at("num_requests"), 2000);
    EXPECT_DOUBLE_EQ(got.at("requests_per_s").get<double>(), 1016);
    const json& latency = got.at("latency_us");
    EXPECT_DOUBLE_EQ(latency.at("min").get<double>(), 1);
    EXPECT_DOUBLE_EQ(latency.at("max").get<double>(), 1000);
    for (const auto& [name, us] : {std::pair{"p50", 500.0}, std::pair{"p90", 900.0},
                                   std::pair{"p99", 990.0}, std::pair{"p99_9", 999.0}}) {
        EXPECT_GE(latency.at(name).get<double>(), us);
        EXPECT_LE(latency.at(name).get<double>(), us * (1 + LatencyHistogram::kRelativeError));
    }
    std::uint64_t counted = 0;
    double last = 0;
    for (const json& bucket : got.at("histogram")) {
        EXPECT_GT(bucket.at(0).get<double>(), last);
        last = bucket.at(0).get<double>();
        counted += bucket.at(1).get<std::uint64_t>();
    }
    EXPECT_EQ(counted, 2000U);
    EXPECT_EQ(got.at("integrity"),
              (json{{"blocks_good", 2096}, {"blocks_bad", 0}, {"verified", true}}));
    EXPECT_EQ(document.at("latency_setup").at("tcp_nodelay"), true);
    EXPECT_EQ(document.at("plan").at("latency").at("requests"), 1000);
}

TEST(LatencyDocument, FailedBurstFailsItsRowAndAddsNoTimes)
{
    LatencyRow row = row_of("read_write");
    row.add(thousand_answers());
    Burst bad = thousand_answers();
    bad.error = "2 corrupt blocks of 4 KiB at the client, the first is block 3";
    bad.client.blocks_bad = 2;
    row.add(bad);
    const json document = document_of({row});
    const json& got = document.at("latency").at(0);
    EXPECT_EQ(got.at("status"), "failed");
    EXPECT_EQ(got.at("reason"), bad.error);
    EXPECT_EQ(got.at("num_requests"), 1000);
    EXPECT_EQ(got.at("integrity").at("blocks_bad"), 2);
    EXPECT_THAT(latency_table(document), HasSubstr("failed read_write: 2 corrupt blocks"));
}

TEST(LatencyDocument, HistogramThatContradictsItselfFailsItsRow)
{
    LatencyRow row = row_of("read_write");
    Burst foreign = thousand_answers();
    foreign.client.latency_ns_max = 7;
    row.add(foreign);
    EXPECT_EQ(row.status(), "failed");
    EXPECT_EQ(row.histogram.count(), 0U);
}

TEST(LatencyDocument, FailedRowFailsTheRun)
{
    RunResult result;
    result.latency = {row_of("read_write")};
    EXPECT_FALSE(result.any_failed());
    result.latency.front().error = "it broke";
    EXPECT_TRUE(result.any_failed());
}

TEST(LatencyDocument, SkippedRowHasNoFigures)
{
    LatencyRow row = row_of("read_write");
    row.skipped = "no room";
    const json document = document_of({row});
    const json& got = document.at("latency").at(0);
    EXPECT_EQ(got.at("status"), "skipped");
    EXPECT_TRUE(got.at("latency_us").is_null());
    EXPECT_TRUE(got.at("requests_per_s").is_null());
    EXPECT_EQ(got.at("num_requests"), 0);
    EXPECT_TRUE(got.at("histogram").empty());
    EXPECT_TRUE(document.at("latency_setup").at("tcp_nodelay").is_null());
}

TEST(LatencyDocument, PlanWithoutTheArmLeavesNoTrace)
{
    json document{{"plan", json::object()}};
    add_latency(document, RunResult());
    EXPECT_EQ(document, (json{{"plan", json::object()}}));
    EXPECT_EQ(latency_table(document), "");
}

TEST(LatencyTable, HasALineForEachMeasuredRowAndNamesTheSkippedOnce)
{
    LatencyRow good = row_of("sendfile_sg");
    good.add(thousand_answers());
    LatencyRow skipped = row_of("null");
    skipped.skipped = "answers no requests";
    const std::string table = latency_table(document_of({good, skipped, skipped}));
    EXPECT_EQ(
        table,
        "                    size of     in requests  answered       us       us       us       "
        "us\n"
        "latency      cache   answer flight  counted  a second      p50      p99    p99.9      max "
        " "
        "status\n"
        "sendfile_sg  hot     64 KiB      8     1000      1016      502      991      999     1000 "
        " "
        "ok\n"
        "  from request to last byte, closed loop, TCP_NODELAY; within 0.8 %; 32 warm-ups thrown "
        "away\n"
        "  skipped null: answers no requests\n"
        "\n");
}

TEST(LatencyTable, ALongNameMovesTheWholeColumn)
{
    LatencyRow row = row_of("sendfile_direct");
    row.add(thousand_answers());
    const std::string table = latency_table(document_of({row}));
    EXPECT_THAT(table, HasSubstr("\nlatency         cache   answer"));
    EXPECT_THAT(table, HasSubstr("\nsendfile_direct hot     64 KiB"));
}

TEST(LatencyTable, ForeignDocumentsDoNotBreakIt)
{
    for (const json& rows : {json("none"), json::array({json(7), json::object()}), json(nullptr)})
        EXPECT_NO_THROW((void)latency_table(json{{"latency", rows}}));
}

TEST(LatencyTable, SaysWhatWasNotVerified)
{
    LatencyRow row = row_of("sendfile_sg");
    Burst burst = thousand_answers();
    row.add(burst);
    EXPECT_THAT(latency_table(document_of({row})), Not(HasSubstr("not verified")));
    burst.client.verified = false; // one of several is enough
    row.add(burst);
    row.add(thousand_answers());
    EXPECT_THAT(latency_table(document_of({row})), HasSubstr("answers not verified"));
}

} // namespace
} // namespace pagewire::testbed
