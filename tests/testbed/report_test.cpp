// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/report/report.hpp"

#include "testbed/compare/compare.hpp"
#include "testbed/document.hpp"
#include "testbed/report/csv.hpp"
#include "testbed/report/html.hpp"
#include "testbed/virtual_hardware.hpp"
#include "tests/testbed/document_builder.hpp"
#include "tests/testbed/usage_error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

namespace pagewire::testbed::report {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using tests::document_of;
using tests::document_row;

/// What the builders leave away, as a run of two rows under varied conditions has it.
json whole_document()
{
    json first = document_row("read_write", {1, 2, 3, 4, 5, 6}, "tso-off");
    first["transfers"] = {{{"round", 0}, {"goodput_gbps", 3.5}, {"watched", false}}};
    first["conditions"] = {{"mtu", 1500}, {"chunk_bytes", 65536}};
    first["integrity"] = {
        {"verified", true}, {"blocks_good", 12}, {"blocks_bad", 0}, {"blocks_missing", 0}};
    first["textbook"] = {{"crossings", 4},
                         {"cpu_copies", 2},
                         {"agrees", false},
                         {"notes", {"hot cache: no disk DMA"}}};
    first["share_of_ceiling"] = {{"ceiling", "memcpy"}, {"ratio", 0.25}};
    first["bottleneck"] = {{"limit", "worker_cpu"},
                           {"sentence", "the worker's CPU: busy 97 % of the time"}};
    first["goodput_gbps"]["ci95"] = {1, 6};
    json second = document_row("af_xdp", {8});
    second["status"] = "failed";
    second["reason"] = "3 corrupt blocks of 4 KiB at the sink, the first is block 1";
    second["transfers"] = json::array({json::object()}); // braces alone: no array to clang++
    second["conditions"] = {{"mtu", 1500}, {"chunk_bytes", nullptr}};
    json document = document_of({first, second});
    document["varied"] = {"mtu", "chunk_bytes"};
    document["plan"]["file"] = {
        {"path", "/data/film"}, {"length", 1048576}, {"offset", 0}, {"file_system", "ext4"}};
    document["plan"]["files"] = {document["plan"]["file"], document["plan"]["file"]};
    document["plan"]["seed"] = 7;
    document["rounds"] = {{"measured", 6}, {"warmup", 1}, {"target_reached", nullptr}};
    document["ceilings"] = {
        {"disk_gbps", 20.5}, {"wire_gbps", {{"af_xdp", 9.25}}}, {"memcpy_gbps", nullptr}};
    document["ledger"] = {{"mode", "apart"}, {"unavailable", nullptr}, {"goodput_ratio", nullptr}};
    document["methods"] = {
        {"read_write",
         {{"path",
           {{{"to", "page cache"},
             {"how", "the disk writes"},
             {"figure", "dma_disk_per_byte"},
             {"unit", "DMA"}},
            {{"to", "wire"}, {"how", "goes out"}, {"figure", nullptr}, {"unit", nullptr}}}}}}};
    const json latency{{"p50", 61.5}, {"p90", 70}, {"p99", 118.2}, {"p99_9", 240}, {"max", 251}};
    document["latency"] = {{{"method", "read_write"},
                            {"wire", "tcp"},
                            {"cache", "hot"},
                            {"file_bytes", 4096},
                            {"outstanding", 1},
                            {"status", "ok"},
                            {"reason", nullptr},
                            {"num_requests", 100},
                            {"requests_per_s", 15384},
                            {"latency_us", latency},
                            {"histogram", {{64, 75}, {128, 24}, {256, 1}}}},
                           {{"method", "sendfile"},
                            {"wire", "tcp"},
                            {"cache", "hot"},
                            {"file_bytes", 4096},
                            {"outstanding", 1},
                            {"status", "skipped"},
                            {"reason", "no scatter/gather"},
                            {"num_requests", 0},
                            {"requests_per_s", nullptr},
                            {"latency_us", nullptr},
                            {"histogram", json::array()}}};
    return document;
}

TEST(ReportTable, IsAsItWasSeenToBeReadable)
{
    EXPECT_EQ(table(whole_document()),
              R"(file    /data/film: 1 MiB from byte 0, ext4; and 1 more, as each row says
link    veth lab, pw-near, MTU as each row says
rounds  6, after 1 of warm-up thrown away, interleaved in random order, seed 7

                                    Gb/s         Gb/s CPU s/GiB         blocks good/ share of
method       wire cache arm       median        range  worker machine bad/missing  ceiling    status
read_write   tcp  cold  tso-off     4.00   1.00..6.00   0.500       - 12/0/0       25% memcpy ok
             MTU 1500, chunk 64 KiB
             held up by the worker's CPU: busy 97 % of the time
af_xdp       udp  cold  -           8.00   8.00..8.00   0.500       - not verified -          failed
             MTU 1500
             3 corrupt blocks of 4 KiB at the sink, the first is block 1

                              cros sings  calls faults copi   es   DMA  DMA  payload
the ledger    cache arm       book  seen   /MiB   /MiB book seen  disk  NIC  left      textbook
read_write    cold  tso-off      4  4.00      -      -    2 1.00  1.00    -  copied    differs 1
             MTU 1500, chunk 64 KiB
af_xdp        cold  -            -  4.00      -      -    - 1.00  1.00    -  copied    -
             MTU 1500
  1  hot cache: no disk DMA

                    size of     in requests  answered       us       us       us       us
latency      cache   answer flight  counted  a second      p50      p99    p99.9      max  status
read_write   hot      4 KiB      1      100     15384     61.5      118      240      251  ok
  answers not verified: times only
  from request to last byte, closed loop
  skipped sendfile: no scatter/gather

ceilings, same minutes: disk 20.50 Gb/s (O_DIRECT), wire 9.25 Gb/s (af_xdp from memory)
ceilings that depend on what varies: ceilings.by_setting of the document
)");
}

TEST(ReportTable, IsReadableAt100ColumnsAndColoursOnlyWhatWentWrong)
{
    std::istringstream lines(table(whole_document()));
    for (std::string line; std::getline(lines, line);)
        EXPECT_LE(line.size(), 100U) << line;
    EXPECT_THAT(table(whole_document()), Not(HasSubstr("\x1b")));
    const std::string coloured = table(whole_document(), {.colour = true});
    EXPECT_THAT(coloured, HasSubstr("\x1b[31mfailed\x1b[0m\n"));
    EXPECT_THAT(coloured, HasSubstr("\x1b[33mdiffers\x1b[0m 1\n"));
    EXPECT_EQ(std::count(coloured.begin(), coloured.end(), '\x1b'), 4);
}

TEST(ReportTable, WrapsWhatIsLong)
{
    json document = whole_document();
    document["rows"][1]["reason"] = std::string(30, 'x') + ' ' + std::string(90, 'y') + " z";
    document["rows"][0]["textbook"]["notes"] = {std::string(40, 'a') + ' ' + std::string(70, 'b')};
    for (const char* engine : {"dpdk", "null", "another"})
        document["ceilings"]["wire_gbps"][engine] = 123.45;
    document["rows"][0]["baseline_ratio"] = {{"median", 1.02},
                                             {"ci95", {0.98, 1.05}},
                                             {"wire", "udp"},
                                             {"arm", "tso-on"},
                                             {"difference", "no significant difference"}};
    document["plan"]["baseline"] = "read_write";
    const std::string text = table(document);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        EXPECT_LE(line.size(), 100U) << line;
    EXPECT_THAT(text,
                AllOf(HasSubstr("\n             " + std::string(87, 'y') + "\n"),
                      HasSubstr("\n     " + std::string(70, 'b') + "\n"), HasSubstr("(another"),
                      HasSubstr("over another wire: udp; baseline's arm: tso-on\n")));
}

/// A document is foreign, and a terminal acts on control characters.
TEST(ReportTable, HoldsNoControlCharacterOfTheDocument)
{
    json document = whole_document();
    document["rows"][1]["reason"] = "\x1b]0;title\x07 \x1b[2J \xc2\x9b"
                                    "31m \r\n\t\x7f";
    document["plan"]["file"]["path"] = "/a\nb\xc3\xbc";
    document["ceilings"]["wire_gbps"]["\x1b[5m"] = 1;
    const std::string text = table(document, {.colour = false});
    for (const char c : text)
        EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << static_cast<int>(c);
    EXPECT_THAT(text, AllOf(HasSubstr("?]0;title? ?[2J ?31m"), HasSubstr("/a?b\xc3\xbc"),
                            HasSubstr("?[5m"), Not(HasSubstr("\xc2\x9b"))));
}

TEST(ReportCsv, HasALineForEachRowAndNoFormula)
{
    json document = whole_document();
    document["rows"][1]["reason"] = "=HYPERLINK(\"http://x\"), \"quoted\"\nsecond line";
    const std::string text = csv(document);
    EXPECT_THAT(text, HasSubstr("method,wire,cache,arm,status,"));
    EXPECT_THAT(text, HasSubstr("\nread_write,tcp,cold,tso-off,ok,"));
    EXPECT_THAT(text,
                HasSubstr(",\"'=HYPERLINK(\"\"http://x\"\"), \"\"quoted\"\"\nsecond line\","));
    // As many values as names.
    const std::string head = text.substr(0, text.find('\n'));
    const std::string row =
        text.substr(head.size() + 1, text.find('\n', head.size() + 1) - head.size() - 1);
    EXPECT_EQ(std::count(head.begin(), head.end(), ','), std::count(row.begin(), row.end(), ','));
}

/// Every string of the document, but for those that readers act on.
void spoil(json& value, const std::string& text)
{
    if (value.is_string())
        value = value.get<std::string>() + text;
    else if (value.is_structured()) {
        for (json& element : value)
            spoil(element, text);
    }
}

TEST(ReportPage, IsTextAndNothingElseWhateverTheDocumentHolds)
{
    json document = whole_document();
    for (const char* part : {"host", "doctor", "lab", "plan", "ceilings", "rows", "rounds"})
        spoil(document[part], "<script>alert(1)</script>\"'&");
    document["command"] = "<script>";
    document["plan_toml"] = "</pre><script>";
    const std::string html = page(document, {}, {});
    EXPECT_THAT(html, Not(HasSubstr("<script")));
    EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"));
    for (const json& row : document["rows"]) {
        json named = row;
        named["method"] = "read_write";
        EXPECT_THAT(data_path_svg(named, document), Not(HasSubstr("<script")));
    }
}

TEST(ReportPage, RanksWithinAWireAndSaysWhatWasNotMeasured)
{
    const std::string html = page(whole_document(), {}, {});
    EXPECT_THAT(html, AllOf(HasSubstr("Over TCP, by the median of goodput"),
                            HasSubstr("Over UDP, by the median of goodput"),
                            HasSubstr("read_write cold tso-off, MTU 1500, chunk 64 KiB"),
                            HasSubstr("not measured"), HasSubstr("3 corrupt blocks")));
    EXPECT_LT(html.find("Over TCP"), html.find("read_write cold tso-off"));
    EXPECT_LT(html.find("read_write cold tso-off"), html.find("Over UDP"));
}

/// Of virtual hardware nothing is left that a report could take for a speed.
TEST(ReportWithoutTimings, ShowsWhatWorksAndWhatIsCopied)
{
    json document = whole_document();
    document.erase("latency");
    document["rows"][1]["transfers"] = {
        {{"counters", {{"packets", 100}, {"descriptors", 250}}},
         {"facts", {{"layout", "header + page slices"}, {"checksum", "none: 0 on the wire"}}}}};
    document["rows"][1]["zero_copy"]["kernel_reported"] = "copy";
    ASSERT_THAT(table(document), HasSubstr("1.00..6.00"));
    drop_timings(document);
    const std::string text = table(document);
    EXPECT_THAT(text, AllOf(HasSubstr("virtual hardware: timings have no meaning\n"),
                            HasSubstr("12/0/0"), HasSubstr("layout: header + page slices"),
                            HasSubstr("checksum: none: 0 on the wire"),
                            HasSubstr("3 corrupt blocks"), HasSubstr("the ledger")));
    EXPECT_THAT(text, ::testing::ContainsRegex("af_xdp +udp .* 100 +2\\.50 copy"));
    for (const char* speed : {"Gb/s", "CPU", "ceiling", "held up", "against", "6.00", "goodput"})
        EXPECT_THAT(text, Not(HasSubstr(speed)));
    const std::vector<Plot> all = plots(document);
    for (const Plot& plot : all)
        EXPECT_THAT(plot.name, Not(::testing::AnyOf("goodput", "drift", "ceilings", "cpu")))
            << plot.csv;
    const std::string html = page(document, {}, {});
    EXPECT_THAT(html, AllOf(HasSubstr("virtual hardware: timings have no meaning"),
                            Not(HasSubstr("20.50")), Not(HasSubstr("9.25"))));
}

TEST(ReportPage, ShowsLatencyAndLimitsAndWhatIsNotDrawn)
{
    const json document = whole_document();
    const std::vector<Plot> all = plots(document);
    const std::vector<std::string> drawings(all.size(), "<svg/>");
    const std::string html = page(document, all, drawings);
    EXPECT_THAT(html, AllOf(HasSubstr("Latency of small files"), HasSubstr(">15384<"),
                            HasSubstr(">118.2<"), HasSubstr("skipped: no scatter/gather"),
                            HasSubstr("Latency, files of 4 KiB, 1 outstanding"),
                            HasSubstr("af_xdp 9.25"), HasSubstr(">20.50<"),
                            HasSubstr("Not drawn, for it was not measured: CPU time of the whole "
                                      "machine; CPU time of the sending process.")));
    EXPECT_THAT(page(document_of({}), {}, {}), Not(HasSubstr("Latency")));
}

TEST(ReportPlots, LatencyIsAShareOfRequestsWithinATime)
{
    const json document = whole_document();
    const std::vector<Plot> all = plots(document);
    const auto latency = std::find_if(all.begin(), all.end(),
                                      [](const Plot& plot) { return plot.name == "latency-1"; });
    ASSERT_NE(latency, all.end());
    EXPECT_EQ(latency->csv, "latency_us,read_write hot\n64,75\n128,99\n256,100\n");
    EXPECT_THAT(draw(*latency, PictureKind::kSvg), HasSubstr("read_write hot"));
}

TEST(ReportPlots, StackCpuTimeOfTheMachineAndOfTheWorker)
{
    json document = whole_document();
    document["rows"][0]["cpu_s_per_gib"] = {{"system_user", 0.5}, {"system_kernel", 1},
                                            {"softirq", 0.25},    {"worker_user", 0.125},
                                            {"worker_system", 2}, {"worker", 2.125}};
    std::vector<std::string> csvs;
    for (const Plot& plot : plots(document)) {
        if (plot.name.starts_with("cpu"))
            csvs.push_back(plot.name + ": " + plot.csv);
        if (plot.name == "cpu") { // each part begins where those before it end
            EXPECT_THAT(plot.script, AllOf(HasSubstr("using ($3+$4/2):1:($4/2)"),
                                           HasSubstr("using ($3+$4+$5/2):1:($5/2)")));
        }
        EXPECT_THAT(draw(plot, PictureKind::kSvg), HasSubstr("</svg>")) << plot.name;
    }
    const std::string row = "read_write cold tso-off, MTU 1500, chunk 64 KiB";
    EXPECT_THAT(csvs, ::testing::ElementsAre(
                          "cpu: place,row,user,system,softirq\n-0,\"" + row + "\",0.5,1,0.25\n",
                          "cpu-worker: place,row,user,system\n-0,\"" + row + "\",0.125,2\n"));
}

TEST(ReportDataPath, StandsWithTheRowsOwnFigures)
{
    const json document = whole_document();
    const std::string svg = data_path_svg(document["rows"][0], document);
    EXPECT_THAT(svg, AllOf(HasSubstr("1.00 DMA a byte"), HasSubstr("page cache"),
                           HasSubstr("4.00 crossings a turn of the loop, textbook 4"),
                           HasSubstr("class=\"dma\""), HasSubstr("class=\"reference\""),
                           HasSubstr("<desc>disk to page cache: 1.00 DMA a byte to wire</desc>")));
    EXPECT_EQ(data_path_svg(document["rows"][1], document), ""); // its way is not in the document
}

TEST(ReportPlots, HoldNothingOfTheDocumentInTheirCommands)
{
    json document = whole_document();
    document["rows"][0]["arm"] = "'; system('touch /tmp/x'); \"END_OF_DATA\nEND_OF_DATA\n`x`";
    for (const Plot& plot : plots(document)) {
        EXPECT_THAT(plot.script, Not(HasSubstr("system")));
        EXPECT_THAT(plot.csv, Not(HasSubstr("\nEND_OF_DATA")));
        const std::string svg = draw(plot, PictureKind::kSvg);
        EXPECT_THAT(svg, AllOf(HasSubstr("<svg"), HasSubstr("</svg>"), Not(HasSubstr("<script"))))
            << plot.name;
    }
    EXPECT_THAT(plots(document), SizeIs(::testing::Ge(4U)));
    EXPECT_THAT(plots(document_of({})), SizeIs(0U));
}

TEST(ReportPlots, AreDrawnAsPngAndByTheirOwnScript)
{
    const std::vector<Plot> all = plots(whole_document());
    ASSERT_FALSE(all.empty());
    EXPECT_EQ(draw(all[0], PictureKind::kPng).substr(1, 3), "PNG");
    EXPECT_THAT(script_for_file(all[0]),
                AllOf(HasSubstr("'goodput.csv'"), HasSubstr("set output 'goodput.svg'"),
                      Not(HasSubstr("@DATA@"))));
}

TEST(ReportPlots, WithoutGnuplotSayWhatToInstall)
{
    const std::vector<Plot> all = plots(whole_document());
    const std::string path = std::getenv("PATH");
    ::setenv("PATH", "/no/such/folder", 1);
    const std::string error = error_of([&] { (void)draw(all[0], PictureKind::kSvg); });
    ::setenv("PATH", path.c_str(), 1);
    EXPECT_THAT(error, HasSubstr("apt-get install gnuplot-nox"));
}

/// A document of a minor version before: it has no conditions, no methods, no bottleneck.
TEST(OlderDocument, IsReadReportedAndCompared)
{
    const char* root = std::getenv("PAGEWIRE_SOURCE_ROOT");
    ASSERT_NE(root, nullptr);
    const json older =
        read_document(std::string(root) + "/tests/testbed/data/result-before-matrices.json");
    ASSERT_FALSE(older.contains("varied"));
    EXPECT_THAT(table(older), AllOf(HasSubstr("read_write   tcp  hot"), HasSubstr(" ok\n")));
    EXPECT_THAT(csv(older), HasSubstr("\naf_xdp,udp,hot,"));
    const std::string html = page(older, plots(older), {});
    EXPECT_THAT(html, AllOf(HasSubstr("read_write hot"), Not(HasSubstr("The way of a byte"))));
    EXPECT_FALSE(compare_documents(older, older, {}).has_regression());
}

} // namespace
} // namespace pagewire::testbed::report
