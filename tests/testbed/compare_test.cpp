// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/compare/compare.hpp"

#include "tests/testbed/document_builder.hpp"
#include "tests/testbed/usage_error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace pagewire::testbed {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using tests::document_of;
using tests::document_row;

const std::vector<double> kSteady{9.8, 10.1, 9.9, 10.0, 10.2, 10.05};

std::vector<double> times(std::vector<double> samples, double factor)
{
    for (double& sample : samples)
        sample *= factor;
    return samples;
}

RowComparison compare_one(const json& before, const json& after, double threshold = 0.10)
{
    return compare_documents(document_of({before}), document_of({after}), {.threshold = threshold})
        .rows.front();
}

TEST(Compare, EqualRunsHaveNoRegression)
{
    const json document = document_of({document_row("read_write", kSteady)});
    const Comparison comparison = compare_documents(document, document, {});
    EXPECT_FALSE(comparison.has_regression());
    EXPECT_THAT(comparison.circumstances, IsEmpty());
    EXPECT_EQ(comparison.rows.front().change, RowChange::kSame);
}

TEST(Compare, SlowerByMoreThanTheThresholdIsWorse)
{
    const json before = document_row("read_write", kSteady);
    const json after = document_row("read_write", times(kSteady, 0.8));
    const RowComparison row = compare_one(before, after);
    EXPECT_EQ(row.change, RowChange::kWorse);
    EXPECT_TRUE(row.is_regression());
    ASSERT_EQ(row.reasons.size(), 1U);
    EXPECT_THAT(row.reasons.front(), HasSubstr("slower by "));
    EXPECT_EQ(compare_one(before, after, 0.30).change, RowChange::kSame);
    EXPECT_EQ(compare_one(after, before).change, RowChange::kBetter);
}

TEST(Compare, FewSamplesDecideNothing)
{
    EXPECT_EQ(
        compare_one(document_row("read_write", {10, 10, 10}), document_row("read_write", {1, 1, 1}))
            .change,
        RowChange::kUndecided);
}

TEST(Compare, ACopyMoreIsARegressionHoweverFast)
{
    const json before = document_row("read_write", kSteady);
    json after = document_row("read_write", times(kSteady, 3));
    after["ledger"]["cpu_copies_per_byte"] = 2.0;
    RowComparison row = compare_one(before, after);
    EXPECT_EQ(row.change, RowChange::kWorse);
    EXPECT_THAT(row.reasons, ElementsAre("CPU copies per byte: 1.00 -> 2.00"));

    after = before;
    after["ledger"]["crossings_per_turn"] = 6.0;
    EXPECT_EQ(compare_one(before, after).change, RowChange::kWorse);
    EXPECT_EQ(compare_one(after, before).change, RowChange::kBetter);
    after["ledger"]["crossings_per_turn"] = 4.1; // a retransmission
    EXPECT_EQ(compare_one(before, after).change, RowChange::kSame);
    after["ledger"]["crossings_per_turn"] = nullptr; // not seen: nothing is claimed
    EXPECT_EQ(compare_one(before, after).change, RowChange::kSame);
}

TEST(Compare, ZeroCopyLostIsARegression)
{
    json before = document_row("sendfile_sg", kSteady);
    before["zero_copy"]["observed"] = "zero-copy";
    const json after = document_row("sendfile_sg", kSteady);
    const RowComparison row = compare_one(before, after);
    EXPECT_EQ(row.change, RowChange::kWorse);
    EXPECT_THAT(row.reasons, ElementsAre("payload: zero-copy -> copied"));
    EXPECT_EQ(compare_one(after, before).change, RowChange::kBetter);
}

TEST(Compare, FailedAndMissingRowsAreRegressionsNewOnesAreNot)
{
    const json good = document_row("read_write", kSteady);
    json failed = good;
    failed["status"] = "failed";
    failed["reason"] = "a block is bad";
    EXPECT_EQ(compare_one(good, failed).change, RowChange::kWorse);
    EXPECT_THAT(compare_one(good, failed).reasons, ElementsAre("ok -> failed: a block is bad"));
    EXPECT_EQ(compare_one(failed, good).change, RowChange::kBetter);

    const json other = document_row("sendfile", kSteady);
    const Comparison comparison = compare_documents(
        document_of({good, other}), document_of({good, document_row("af_xdp", kSteady)}), {});
    EXPECT_TRUE(comparison.has_regression());
    ASSERT_EQ(comparison.rows.size(), 3U);
    EXPECT_EQ(comparison.rows[1].change, RowChange::kMissing);
    EXPECT_EQ(comparison.rows[2].change, RowChange::kNew);
    EXPECT_FALSE(comparison.rows[2].is_regression());
}

TEST(Compare, ARowSkippedBeforeIsNotMissed)
{
    json skipped = document_row("dpdk", {});
    skipped["status"] = "skipped";
    const json good = document_row("read_write", kSteady);
    EXPECT_FALSE(
        compare_documents(document_of({good, skipped}), document_of({good}), {}).has_regression());
}

TEST(Compare, ArmsAreRowsOfTheirOwn)
{
    const json on = document_row("read_write", kSteady, "tso-on");
    const json off = document_row("read_write", times(kSteady, 0.5), "tso-off");
    EXPECT_FALSE(
        compare_documents(document_of({on, off}), document_of({off, on}), {}).has_regression());
}

TEST(Compare, VariedConditionsAreRowsOfTheirOwn)
{
    const auto row = [](unsigned mtu, double factor) {
        std::vector<double> samples = kSteady;
        for (double& sample : samples)
            sample *= factor;
        json made = document_row("read_write", samples);
        made["conditions"] = {{"mtu", mtu}, {"chunk_bytes", nullptr}};
        return made;
    };
    json before = document_of({row(1500, 0.5), row(9000, 1)});
    before["varied"] = {"mtu", "chunk_bytes"};
    json after = document_of({row(9000, 1), row(1500, 0.2)});
    after["varied"] = {"mtu"};
    const Comparison comparison = compare_documents(before, after, {});
    ASSERT_EQ(comparison.rows.size(), 2U);
    EXPECT_EQ(comparison.rows[0].conditions, "MTU 1500");
    EXPECT_EQ(comparison.rows[0].change, RowChange::kWorse);
    EXPECT_EQ(comparison.rows[1].change, RowChange::kSame);
    EXPECT_THAT(comparison_table(comparison), HasSubstr("             MTU 1500\n"));

    // A run of one of the values is compared with that one.
    after = document_of({row(9000, 1)});
    const Comparison one = compare_documents(before, after, {});
    EXPECT_EQ(one.rows[0].change, RowChange::kMissing);
    EXPECT_EQ(one.rows[1].change, RowChange::kSame);
}

TEST(Compare, ARowThatFailsNowIsWorseWhateverItWas)
{
    json before = document_row("read_write", {});
    before["status"] = "skipped";
    json after = before;
    after["status"] = "failed";
    EXPECT_EQ(compare_documents(document_of({before}), document_of({after}), {}).rows[0].change,
              RowChange::kWorse);
    EXPECT_NE(compare_documents(document_of({after}), document_of({before}), {}).rows[0].change,
              RowChange::kWorse);
}

TEST(Compare, NothingInCommonIsAUsageError)
{
    const std::string error = error_of([] {
        (void)compare_documents(document_of({document_row("read_write", {1})}),
                                document_of({document_row("sendfile", {1})}), {});
    });
    EXPECT_EQ(error, "the two documents have no row in common: compare runs of one plan");
}

TEST(Compare, SaysWhatElseDiffers)
{
    const json before = document_of({document_row("read_write", kSteady)});
    json after = before;
    after["host"]["kernel"] = "6.18";
    after["lab"]["mtu"] = 1500;
    after["doctor"][0]["id"] = "cpu.turbo";
    EXPECT_THAT(compare_documents(before, after, {}).circumstances,
                ElementsAre("kernel: 6.1 -> 6.18", "MTU: 9000 -> 1500",
                            "only before: cpu.governor (warning)",
                            "only after: cpu.turbo (warning)"));
}

TEST(Compare, SaysEveryKeyOfThePlanThatDiffers)
{
    json before = document_of({document_row("read_write", kSteady)});
    before["plan"]["file"] = {{"length", 4096U}, {"offset", 0U}, {"path", "/a"}};
    before["plan"]["verify"] = true;
    before["plan"]["arms"] = json::array();
    before["plan"]["dataplane"] = {{"umem_bytes", 8U << 20U}, {"bind", "auto"}};
    before["plan"]["methods"] = {"read_write"};
    json after = before;
    after["plan"]["file"]["offset"] = 4096U;
    after["plan"]["file"]["path"] = "/b";
    after["plan"]["verify"] = false;
    after["plan"]["arms"] = {{{"name", "tso-off"}}};
    after["plan"]["dataplane"]["umem_bytes"] = 4U << 20U;
    after["plan"]["seed"] = 7;
    after["plan"]["methods"] = {"read_write", "sendfile"};
    after["interrupted"] = true;
    after["lab"]["emulated"] = true;
    EXPECT_THAT(compare_documents(before, after, {}).circumstances,
                ElementsAre("emulated: none -> yes", "interrupted: none -> yes",
                            R"(plan's arms: none -> {"name":"tso-off"})",
                            "plan's dataplane.umem_bytes: 8 MiB -> 4 MiB",
                            "plan's file.offset: 0 B -> 4 KiB", "file: /a -> /b",
                            "plan's methods: read_write -> read_write sendfile",
                            "plan's seed: none -> 7", "plan's verify: yes -> no"));
}

TEST(Compare, NothingOfADocumentActsOnATerminal)
{
    json before = document_row("read_write", kSteady, "\x1b[2J");
    json after = before;
    after["status"] = "failed";
    after["reason"] = "one\ntwo \x1b]0;x";
    json second = document_of({after});
    second["host"]["kernel"] = "6\x1b[31m";
    const std::string table =
        comparison_table(compare_documents(document_of({before}), second, {}));
    EXPECT_EQ(table.find('\x1b'), std::string::npos) << table;
    EXPECT_THAT(table, HasSubstr("ok -> failed: one?two ?]0;x\n"));
}

TEST(Compare, ARowThatIsNotMeasuredAnyMoreIsNotTheSame)
{
    json failed = document_row("read_write", {});
    failed["status"] = "failed";
    json skipped = failed;
    skipped["status"] = "skipped";
    EXPECT_EQ(compare_one(failed, skipped).change, RowChange::kUndecided);
    EXPECT_EQ(compare_one(skipped, skipped).change, RowChange::kSame);
}

/// Twenty rows that differ by noise alone: how often any of them is called worse.
TEST(Compare, ManyEqualRowsAreRarelyCalledWorse)
{
    constexpr int num_trials = 300;
    std::mt19937_64 random(11);
    std::lognormal_distribution<double> rate(2, 0.2);
    const auto run = [&] {
        std::vector<json> rows;
        for (int row = 0; row < 20; ++row) {
            std::vector<double> samples(8);
            for (double& sample : samples)
                sample = rate(random);
            rows.push_back(document_row("read_write", samples, std::to_string(row)));
        }
        return document_of(std::move(rows));
    };
    int num_regressions = 0;
    for (int trial = 0; trial < num_trials; ++trial)
        num_regressions += compare_documents(run(), run(), {.threshold = 0}).has_regression();
    EXPECT_LE(num_regressions, num_trials * 5 / 100 + 12); // 5 %, and three standard errors
}

TEST(Compare, ThePageHasWhatIsWorseFirstAndNoMarkupOfTheDocuments)
{
    const json good = document_row("mmap_write", kSteady);
    json before = document_row("read_write", kSteady);
    json after = before;
    after["ledger"]["cpu_copies_per_byte"] = 2.0;
    before["arm"] = "<script>";
    after["arm"] = "<script>";
    const Comparison comparison =
        compare_documents(document_of({good, before}), document_of({good, after}), {});
    const std::string html = comparison_page(comparison, "a.json", "<b>.json");
    EXPECT_THAT(html, HasSubstr("<h1>A regression</h1>"));
    EXPECT_THAT(html, HasSubstr("After: &lt;b&gt;.json"));
    EXPECT_THAT(html, HasSubstr("CPU copies per byte: 1.00 -&gt; 2.00"));
    EXPECT_LT(html.find("read_write tcp cold &lt;script&gt;"), html.find("mmap_write tcp cold"));
    EXPECT_EQ(html.find("<script"), std::string::npos);
    EXPECT_THAT(
        comparison_page(compare_documents(document_of({good}), document_of({good}), {}), "a", "b"),
        HasSubstr("<h1>No regression</h1>"));
    const json few = document_of({document_row("mmap_write", {1})});
    const std::string undecided =
        comparison_page(compare_documents(few, few, {.threshold = 0.004}), "a", "b");
    EXPECT_THAT(undecided, HasSubstr("<h1>Nothing decided</h1>"));
    EXPECT_THAT(undecided, HasSubstr("<p>1 undecided of 1 rows.</p>"));
    EXPECT_THAT(undecided, HasSubstr("by more than 0.4 %"));
}

TEST(Compare, ALongNameMovesTheWholeColumnWithinBounds)
{
    const auto table_of = [](const char* method) {
        const json row = document_row(method, kSteady);
        return comparison_table(compare_documents(document_of({row}), document_of({row}), {}));
    };
    EXPECT_THAT(table_of("sendfile_direct"), HasSubstr("\nmethod          wire "));
    EXPECT_THAT(table_of("sendfile_direct"), HasSubstr("\nsendfile_direct tcp "));
    EXPECT_THAT(table_of("a_foreign_name_of_thirty_chars"),
                HasSubstr("\nmethod" + std::string(19, ' ') + "wire "));
}

TEST(Compare, TableAndJsonSayTheSame)
{
    const json before = document_row("read_write", kSteady);
    json after = before;
    after["ledger"]["cpu_copies_per_byte"] = 2.0;
    const Comparison comparison =
        compare_documents(document_of({before}), document_of({after}), {});
    const std::string table = comparison_table(comparison);
    EXPECT_THAT(table, HasSubstr("worse"));
    EXPECT_THAT(table, HasSubstr("CPU copies per byte: 1.00 -> 2.00"));
    EXPECT_THAT(table, HasSubstr("\n1 worse; "));
    const json document = comparison_json(comparison);
    EXPECT_EQ(document.at("schema"), "pagewire.compare/1");
    EXPECT_EQ(document.at("regression"), true);
    EXPECT_EQ(document.at("rows").at(0).at("change"), "worse");
    for (std::size_t at = 0; at < table.size();) {
        const std::size_t end = table.find('\n', at);
        EXPECT_LE(end - at, 100U) << table.substr(at, end - at);
        at = end + 1;
    }
}

} // namespace
} // namespace pagewire::testbed
