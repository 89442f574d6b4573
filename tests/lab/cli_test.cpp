// SPDX-License-Identifier: BSD-3-Clause
// The command line as a user meets it: bad input is one clear line and exit code 2, good input does
// what --help says.
#include "tests/support/command.hpp"
#include "tests/support/refuse.hpp"
#include "tests/support/source_file.hpp"
#include "tests/support/temp_folder.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

namespace pagewire::tests {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// One line on stderr, exit code 2, nothing on stdout.
void expect_refused(const CommandResult& result, const testing::Matcher<const std::string&>& line)
{
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_THAT(result.err, line);
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_EQ(result.out, "");
}

struct Refusal {
    const char* name;
    std::vector<std::string> args;
    std::vector<std::string> words; ///< all in the line
};

class BadInput : public testing::TestWithParam<Refusal> {};

TEST_P(BadInput, IsOneClearLine)
{
    const CommandResult result = run_command(GetParam().args);
    expect_refused(result, HasSubstr("pagewire: "));
    for (const std::string& word : GetParam().words)
        EXPECT_THAT(result.err, HasSubstr(word));
}

INSTANTIATE_TEST_SUITE_P(
    Run, BadInput,
    testing::Values(
        Refusal{
            "no_such_file", {"run", "--file", "/no/such/file"}, {"/no/such/file", "No such file"}},
        Refusal{"directory", {"run", "--file", "/var/tmp"}, {"/var/tmp", "is a directory"}},
        Refusal{"device", {"run", "--file", "/dev/null"}, {"/dev/null", "not a regular file"}},
        Refusal{"empty_name", {"run", "--file", ""}, {"--file"}},
        Refusal{"unknown_method",
                {"run", "--methods", "teleport"},
                {"teleport", "read_write", "sendfile_sg", "af_xdp"}},
        Refusal{"method_twice", {"run", "--methods", "af_xdp,af_xdp"}, {"af_xdp"}},
        Refusal{"mtu_too_small", {"run", "--mtu", "100"}, {"mtu", "576", "65535"}},
        Refusal{"mtu_too_large", {"run", "--mtu", "65536"}, {"mtu", "576", "65535"}},
        Refusal{"mtu_no_number", {"run", "--mtu", "big"}, {"--mtu", "big"}},
        Refusal{"cache_state", {"run", "--cache", "warm"}, {"warm", "cold", "hot"}},
        Refusal{"wire", {"run", "--wire", "sctp"}, {"sctp", "tcp", "udp"}},
        Refusal{"sink", {"run", "--sink", "dpdk"}, {"dpdk", "kernel", "af_xdp"}},
        Refusal{
            "wire_without_method", {"run", "--wire", "udp", "--methods", "read_write"}, {"udp"}},
        Refusal{"rounds", {"run", "--rounds", "0"}, {"rounds"}},
        Refusal{"twice", {"run", "--mtu", "1500,1500"}, {"--mtu", "1500 stands there twice"}},
        Refusal{"not_felt",
                {"run", "--methods", "sendfile", "--chunk", "1,2"},
                {"run.chunk", "makes no difference to sendfile"}},
        Refusal{"progress", {"run", "--progress", "bar"}, {"bar", "plain"}},
        Refusal{"size", {"run", "--size", "12 parsecs"}, {"12 parsecs"}},
        Refusal{"disk_full", {"run", "--size", "900000GiB"}, {"No space left", "PAGEWIRE_CACHE"}},
        Refusal{"out_not_writable",
                {"run", "--out", "/proc/results"},
                {"/proc/results", "cannot be written"}},
        Refusal{"json_not_writable",
                {"run", "--json", "/no/such/folder/r.json"},
                {"/no/such/folder", "cannot be written"}},
        Refusal{"fault", {"run", "--fault", "gremlin@1"}, {"gremlin@1", "flip@N"}},
        Refusal{
            "no_plan_file", {"run", "no-such-plan.toml"}, {"no-such-plan.toml", "No such file"}},
        Refusal{"host_without_interface", {"run", "--lab", "host"}, {"interface"}},
        Refusal{"host_without_such_interface",
                {"run", "--lab", "host", "--if", "nope0", "--peer", "198.18.0.2:9400"},
                {"nope0"}},
        Refusal{"doctor_no_such_file", {"doctor", "--file", "/no/such/file"}, {"/no/such/file"}},
        Refusal{"doctor_empty_name", {"doctor", "--file", ""}, {"--file"}},
        Refusal{"doctor_argument", {"doctor", "me"}, {"me"}},
        Refusal{"nic_without_command", {"nic"}, {"subcommand"}},
        Refusal{"nic_no_such_interface", {"nic", "show", "nope0"}, {"nope0"}},
        Refusal{"nic_two_interfaces", {"nic", "show", "lo", "nope0"}, {"nope0"}},
        Refusal{"no_plan_name", {"run", "--dry-run", ""}, {"plan", "the name is empty"}},
        Refusal{"out_empty_name", {"run", "--out", ""}, {"--out", "the name is empty"}},
        Refusal{"json_empty_name", {"run", "--json", ""}, {"--json", "the name is empty"}},
        Refusal{"rate_too_large", {"run", "--rate", "1e300"}, {"1e300", "write Gb/s"}},
        Refusal{"seed", {"run", "--seed", "-1"}, {"seed", "-1"}},
        Refusal{"report_folder", {"report", "/tmp"}, {"/tmp: is a folder", "result.json"}},
        Refusal{"report_html_empty", {"report", "/x.json", "--html", ""}, {"--html", "empty"}},
        Refusal{"report_html_stdout", {"report", "/x.json", "--html", "-"}, {"--html", "stdout"}},
        Refusal{"report_csv_stdout", {"report", "/x.json", "--csv", "-"}, {"--csv", "stdout"}},
        Refusal{"report_plots_empty", {"report", "/x.json", "--plots", ""}, {"--plots", "empty"}},
        Refusal{"unknown_option", {"run", "--warp"}, {"--warp"}},
        Refusal{"no_command", {}, {"subcommand"}},
        Refusal{"sink_address", {"sink", "--listen", "nowhere"}, {"nowhere", "192.0.2.1:9400"}},
        Refusal{"sink_by_hand", {"sink"}, {"--listen"}},
        Refusal{"worker_by_hand", {"worker"}, {"pagewire run"}}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(BadFile, EmptyFifoUnreadable)
{
    const SourceFile file(1);
    const std::string folder = file.path() + ".d";
    std::filesystem::create_directory(folder);
    const std::string empty = folder + "/empty";
    std::ofstream(empty).close();
    expect_refused(run_command({"run", "--file", empty}),
                   AllOf(HasSubstr(empty), HasSubstr("is empty")));
    const std::string fifo = folder + "/fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    expect_refused(run_command({"run", "--file", fifo}), AllOf(HasSubstr(fifo), HasSubstr("FIFO")));
    std::filesystem::remove_all(folder);
}

TEST(Doctor, FindsWhatIsHereAndSucceeds)
{
    const SourceFile file(1);
    const CommandResult result = run_command({"doctor", "--json", "--file", file.path()});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    const auto findings = nlohmann::json::parse(result.out, nullptr, false);
    ASSERT_TRUE(findings.is_array()) << result.out;
    std::map<std::string, nlohmann::json> by_id;
    for (const auto& finding : findings)
        by_id[finding.at("id")] = finding;
    for (const char* id : {"kernel.version", "kernel.af_xdp", "kernel.fentry", "memory.memlock",
                           "cpu.count", "cpu.pmu", "platform.load", "storage.direct_io"})
        EXPECT_TRUE(by_id.contains(id)) << id;
    EXPECT_THAT(by_id["storage.direct_io"].at("seen").get<std::string>(), HasSubstr(file.path()));
    EXPECT_THAT(by_id["cpu.count"].at("seen").get<std::string>(),
                HasSubstr(std::to_string(::sysconf(_SC_NPROCESSORS_ONLN)) + " online"));

    const CommandResult table = run_command({"doctor", "--file", file.path()});
    EXPECT_EQ(table.exit_code, 0) << table.err;
    for (const auto& [id, finding] : by_id)
        EXPECT_THAT(table.out, HasSubstr(id));
}

TEST(Doctor, NeedsNoPrivileges)
{
    const CommandResult result = run_command({"doctor", "--json"}, [] {
        if (::setgid(65534) != 0 || ::setuid(65534) != 0)
            ::_exit(99);
    });
    EXPECT_EQ(result.exit_code, 0) << result.err;
    int num_seen = 0;
    for (const auto& finding : nlohmann::json::parse(result.out)) {
        if (finding.at("id") != "kernel.af_xdp" && finding.at("id") != "kernel.fentry")
            continue;
        EXPECT_NE(finding.at("severity"), "ok") << finding;
        EXPECT_THAT(finding.at("seen").get<std::string>(), HasSubstr("not permitted"));
        ++num_seen;
    }
    EXPECT_EQ(num_seen, 2);
}

TEST(BadPlan, UnknownKeyHasFileAndLine)
{
    const SourceFile file(1);
    const std::string plan = file.path() + ".toml";
    std::ofstream(plan) << "[run]\nrounds = 1\nwarp = 9\n";
    expect_refused(run_command({"run", plan}),
                   AllOf(HasSubstr(plan + ":3:1: unknown key \"warp\""), HasSubstr("rounds")));
    std::filesystem::remove(plan);
}

TEST(Privileges, MissingCapabilityIsNamed)
{
    const CommandResult result = run_command({"run"}, [] {
        if (::setgid(65534) != 0 || ::setuid(65534) != 0)
            ::_exit(99);
    });
    expect_refused(result, AllOf(HasSubstr("CAP_SYS_ADMIN"), HasSubstr("sudo")));
}

TEST(Privileges, UnreadableFile)
{
    const SourceFile file(1);
    ::chmod(file.path().c_str(), 0);
    // Root reads everything: without the two capabilities that let it, the mode counts again.
    const CommandResult result = run_command({"run", "--file", file.path()}, [] {
        if (::prctl(PR_CAPBSET_DROP, 1) != 0 ||
            ::prctl(PR_CAPBSET_DROP, 2) != 0) // CAP_DAC_OVERRIDE, _READ_SEARCH
            ::_exit(99);
        if (::chown("/dev/null", 0, 0) != 0)
            ::_exit(98);
    });
    // The file is root's own, and mode 0 refuses even its owner.
    expect_refused(result, AllOf(HasSubstr(file.path()), HasSubstr("Permission denied")));
}

/// A kernel without AF_XDP, for one process: socket(AF_XDP) fails as it would there.
void refuse_af_xdp()
{
    refuse_call(SYS_socket, EAFNOSUPPORT, AF_XDP);
}

TEST(PoorKernel, WithoutAfXdpIsRefusedByNameAndSkippedInAPlan)
{
    expect_refused(run_command({"run", "--methods", "af_xdp"}, refuse_af_xdp),
                   AllOf(HasSubstr("af_xdp"), HasSubstr("CONFIG_XDP_SOCKETS")));

    const SourceFile file(100'000);
    const CommandResult result = run_command(
        {"run", "--file", file.path(), "--rounds", "1", "--cache", "cold", "--json", "-"},
        refuse_af_xdp);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const auto document = nlohmann::json::parse(result.out);
    for (const auto& row : document.at("rows")) {
        const bool is_af_xdp = row.at("method") == "af_xdp";
        EXPECT_EQ(row.at("status"), is_af_xdp ? "skipped" : "ok");
        if (is_af_xdp) {
            EXPECT_THAT(row.at("reason").get<std::string>(), HasSubstr("CONFIG_XDP_SOCKETS"));
        }
    }

    const CommandResult list = run_command({"list"}, refuse_af_xdp);
    EXPECT_THAT(list.out, HasSubstr("unavailable: this kernel is built without AF_XDP"));
}

TEST(Sink, PortInUseIsRefused)
{
    const core::UniqueFd taken(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(taken.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(taken.get(), 1), 0);
    socklen_t length = sizeof(address);
    ASSERT_EQ(::getsockname(taken.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    const std::string where = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    expect_refused(run_command({"sink", "--listen", where}),
                   AllOf(HasSubstr(where), HasSubstr("Address already in use")));
}

TEST(Output, DeviceIsWrittenToAndNotReplaced)
{
    const SourceFile file(10'000);
    const std::string link = file.path() + ".link";
    std::filesystem::create_symlink("/dev/null", link);
    const CommandResult result =
        run_command({"run", "--file", file.path(), "--rounds", "1", "--cache", "hot", "--methods",
                     "read_write", "--json", link});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_TRUE(std::filesystem::is_symlink(link));
    EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
    std::filesystem::remove(link);
}

TEST(Fault, ThatNothingWouldActOnIsRefused)
{
    expect_refused(run_command({"run", "--methods", "read_write", "--fault", "flip@1"}),
                   HasSubstr("read_write has none"));
    expect_refused(run_command({"run", "--methods", "read_write_udp", "--fault", "flip@1"}),
                   HasSubstr("read_write_udp has none"));
    expect_refused(
        run_command({"run", "--methods", "af_xdp", "--source", "memory", "--fault", "flip@1"}),
        HasSubstr("--source disk"));
}

TEST(NothingMeasured, IsNoSuccess)
{
    if (!std::filesystem::is_directory("/dev/shm"))
        GTEST_SKIP() << "no /dev/shm";
    const std::string path = "/dev/shm/pagewire-test-nothing";
    std::ofstream(path) << "some bytes";
    const CommandResult result =
        run_command({"run", "--file", path, "--methods", "af_xdp", "--quiet"});
    std::filesystem::remove(path);
    expect_refused(result, HasSubstr("nothing could be measured: "));
}

TEST(BadPlan, UnknownFeatureIsRefusedBeforeAnythingRuns)
{
    const SourceFile file(1);
    const std::string plan = file.path() + ".toml";
    std::ofstream(plan) << "[[arms]]\nname = \"odd\"\nfeatures = { \"tx-teleport\" = true }\n";
    expect_refused(run_command({"run", plan, "--file", file.path()}), HasSubstr("tx-teleport"));
    std::filesystem::remove(plan);
}

TEST(List, NamesEveryMethodAndWhatIsNotBuilt)
{
    const CommandResult result = run_command({"list", "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const auto document = nlohmann::json::parse(result.out);
    std::map<std::string, nlohmann::json> methods;
    for (const auto& entry : document.at("methods"))
        methods[entry.at("name")] = entry;
    for (const char* name : {"read_write", "mmap_write", "sendfile", "sendfile_sg", "splice",
                             "sendfile_direct", "direct_write", "msg_zerocopy", "vmsplice",
                             "uring_send_zc", "uring_splice", "af_xdp", "dpdk"})
        EXPECT_TRUE(methods.at(name).at("available").get<bool>()) << methods.at(name);
    std::map<std::string, nlohmann::json> receivers;
    for (const auto& entry : document.at("receivers"))
        receivers[entry.at("name")] = entry;
    for (const char* name : {"tcp", "udp", "af_xdp", "vhost"})
        EXPECT_TRUE(receivers.at(name).at("available").get<bool>()) << receivers.at(name);
}

TEST(Help, ShowsExamples)
{
    const CommandResult result = run_command({"--help"});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, AllOf(HasSubstr("Examples:"), HasSubstr("Exit codes:"),
                                  HasSubstr("run"), HasSubstr("list")));
    EXPECT_EQ(run_command({"--version"}).exit_code, 0);
}

std::string stored_document()
{
    return std::string(std::getenv("PAGEWIRE_SOURCE_ROOT")) +
           "/tests/testbed/data/result-before-matrices.json";
}

TEST(Report, IsMadeOfADocumentAlone)
{
    const TempFolder folder;
    const CommandResult table = run_command({"report", stored_document()});
    EXPECT_EQ(table.exit_code, 0) << table.err;
    EXPECT_THAT(table.out, AllOf(HasSubstr("read_write   tcp"), Not(HasSubstr("\x1b"))));
    const CommandResult all =
        run_command({"report", stored_document(), "--html", folder.path() + "/r.html", "--csv",
                     folder.path() + "/r.csv", "--plots", folder.path() + "/plots"});
    EXPECT_EQ(all.exit_code, 0) << all.err;
    for (const char* name : {"/r.html", "/r.csv", "/plots/goodput.svg", "/plots/goodput.png",
                             "/plots/goodput.csv", "/plots/goodput.gp"})
        EXPECT_GT(std::filesystem::file_size(folder.path() + name), 100U) << name;
}

TEST(Report, SaysWhatIsInItsWay)
{
    const TempFolder folder;
    const std::string half = folder.path() + "/half.json";
    std::ofstream(half) << R"({"schema": "pagewire.result/1", "rows": [)";
    expect_refused(run_command({"report", half}), HasSubstr("half.json: is cut short"));
    const std::string huge = folder.path() + "/huge.json";
    std::ofstream(huge) << R"({"schema": "pagewire.result/1", "elapsed_s": 1e999})";
    expect_refused(run_command({"report", huge}),
                   HasSubstr("huge.json: holds a number out of range"));
    expect_refused(run_command({"report", stored_document(), "--html", "/proc/r.html"}),
                   HasSubstr("/proc"));
    expect_refused(run_command({"report", stored_document(), "--plots", "/proc/plots"}),
                   HasSubstr("/proc/plots: cannot be written"));
    // What is read must not be written over.
    const std::string copy = folder.path() + "/r.json";
    std::filesystem::copy_file(stored_document(), copy);
    std::filesystem::create_symlink(copy, folder.path() + "/link");
    for (const std::string& place : {copy, folder.path() + "/./r.json", folder.path() + "/link"}) {
        expect_refused(run_command({"report", copy, "--html", place}),
                       HasSubstr("is the document itself"));
        expect_refused(run_command({"report", copy, "--csv", place}),
                       HasSubstr("is the document itself"));
    }
    EXPECT_EQ(std::filesystem::file_size(copy), std::filesystem::file_size(stored_document()));
    const std::string one = folder.path() + "/one";
    expect_refused(run_command({"report", copy, "--html", one, "--csv", one}),
                   HasSubstr("name one file"));
    EXPECT_FALSE(std::filesystem::exists(one));
    const auto without_gnuplot = [] { ::setenv("PATH", "/no/such/folder", 1); };
    expect_refused(run_command({"report", stored_document(), "--html", folder.path() + "/r.html"},
                               without_gnuplot),
                   HasSubstr("gnuplot is missing"));
    EXPECT_FALSE(std::filesystem::exists(folder.path() + "/r.html"));
    EXPECT_EQ(run_command({"report", stored_document()}, without_gnuplot).exit_code, 0);
}

/// Every combination of a matrix is run over links and files of its own, to verified ends, and its
/// rows say under which conditions.
TEST(Matrix, EachRowIsMeasuredUnderItsConditions)
{
    const CommandResult result =
        run_command({"run", "--size", "1MiB,3MiB", "--mtu", "1500,9000", "--chunk", "4KiB,64KiB",
                     "--methods", "read_write,sendfile_sg,af_xdp", "--cache", "hot", "--rounds",
                     "1", "--progress", "plain", "--json", "-"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("round 1 of 1: 0 of"));
    const auto document = nlohmann::json::parse(result.out);
    EXPECT_EQ(document.at("varied"), nlohmann::json({"file_bytes", "mtu", "chunk_bytes"}));
    EXPECT_EQ(document.at("plan").at("files").size(), 2U);
    std::map<std::string, std::set<nlohmann::json>> conditions;
    for (const auto& row : document.at("rows")) {
        const std::string method = row.at("method");
        const auto& condition = row.at("conditions");
        EXPECT_EQ(row.at("status"), "ok") << row.at("reason");
        EXPECT_EQ(row.at("integrity").at("blocks_good").get<std::uint64_t>() * 4096,
                  condition.at("file_bytes").get<std::uint64_t>());
        EXPECT_EQ(condition.at("chunk_bytes").is_null(), method != "read_write");
        conditions[method].insert(condition);
        if (method == "read_write") {
            const auto turns = row.at("transfers")[0].at("num_turns").get<std::uint64_t>();
            EXPECT_EQ(turns, condition.at("file_bytes").get<std::uint64_t>() /
                                 condition.at("chunk_bytes").get<std::uint64_t>());
        }
        if (method == "af_xdp") {
            // Datagrams of a small MTU are many: the link was of the row's own.
            const auto packets =
                row.at("transfers")[0].at("counters").at("datagrams").get<std::uint64_t>();
            const auto bytes = condition.at("file_bytes").get<std::uint64_t>();
            EXPECT_GE(packets, bytes / condition.at("mtu").get<std::uint64_t>());
            EXPECT_LE(packets, 2 * bytes / condition.at("mtu").get<std::uint64_t>());
        }
        EXPECT_EQ(row.at("baseline_ratio").is_object(), method != "read_write") << row;
    }
    EXPECT_EQ(conditions["read_write"].size(), 8U);
    EXPECT_EQ(conditions["sendfile_sg"].size(), 4U);
    EXPECT_EQ(conditions["af_xdp"].size(), 4U);
    for (const auto& ceiling : document.at("ceilings").at("by_setting"))
        EXPECT_TRUE(ceiling.at("disk_gbps").is_number() || ceiling.at("wire_gbps").size() == 1);
    EXPECT_TRUE(document.at("ceilings").at("disk_gbps").is_null()); // two sizes: which of them?
}

TEST(DryRun, NeedsNoPrivilegesAndRunsNothing)
{
    const CommandResult result =
        run_command({"run", "--dry-run", "--methods", "read_write", "--mtu", "1500,9000"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    EXPECT_THAT(result.out, AllOf(HasSubstr("[run]"), HasSubstr("# 4 rows:"), HasSubstr("MTU 1500"),
                                  HasSubstr("# about ")));
}

/// Two runs as a user has them, the second with a copy more in one row.
TEST(Compare, FindsWhatIsWorseAndSaysSoByItsExitCode)
{
    const TempFolder folder;
    const std::string before = folder.path() + "/before.json";
    const CommandResult run =
        run_command({"run", "--size", "4MiB", "--methods", "read_write,sendfile_sg", "--cache",
                     "hot", "--rounds", "6", "--no-ceilings", "--quiet", "--json", before});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const CommandResult same = run_command({"compare", before, before});
    EXPECT_EQ(same.exit_code, 0) << same.out << same.err;
    EXPECT_THAT(same.out, HasSubstr("2 same"));

    std::ifstream file(before);
    nlohmann::json document = nlohmann::json::parse(file);
    document["rows"][1]["ledger"]["cpu_copies_per_byte"] = 1.0;
    const std::string after = folder.path() + "/after.json";
    std::ofstream(after) << document;
    const CommandResult worse = run_command({"compare", before, after});
    EXPECT_EQ(worse.exit_code, 1) << worse.err;
    EXPECT_THAT(worse.out, HasSubstr("CPU copies per byte: 0.00 -> 1.00"));
    for (const std::string& input : {before, after})
        expect_refused(run_command({"compare", before, after, "--html", input}),
                       HasSubstr("is the document itself"));
    const std::string page = folder.path() + "/compare.html";
    EXPECT_EQ(run_command({"compare", before, after, "--html", page}).exit_code, 1);
    EXPECT_GT(std::filesystem::file_size(page), 1000U);
    const CommandResult as_json = run_command({"compare", "--json", before, after});
    EXPECT_EQ(as_json.exit_code, 1);
    EXPECT_EQ(nlohmann::json::parse(as_json.out).at("regression"), true);
}

TEST(Output, ThatCannotBeWrittenIsNoSuccess)
{
    for (const char* command : {"compare", "report"}) {
        std::vector<std::string> words{command, stored_document()};
        if (std::string(command) == "compare")
            words.push_back(stored_document());
        const CommandResult result = run_command(words, [] {
            if (::dup2(::open("/dev/full", O_WRONLY | O_CLOEXEC), STDOUT_FILENO) < 0)
                ::_exit(99);
        });
        EXPECT_EQ(result.exit_code, 2) << command << ": " << result.err;
        EXPECT_THAT(result.err, HasSubstr("No space left")) << command;
    }
}

TEST(Compare, WhatIsNoDocumentIsRefused)
{
    const TempFolder folder;
    const std::string path = folder.path() + "/half.json";
    std::ofstream(path) << R"({"schema": "pagewire.result/1", "rows": [)";
    expect_refused(run_command({"compare", path, path}), HasSubstr("half.json: is cut short"));
    for (const char* threshold : {"nan", "-1", "100", "ten"})
        expect_refused(run_command({"compare", stored_document(), stored_document(), "--threshold",
                                    threshold}),
                       AllOf(HasSubstr("--threshold"), HasSubstr(threshold)));
    expect_refused(run_command({"compare", "/no/such.json", path}),
                   HasSubstr("/no/such.json: cannot be read: No such file"));
}

/// Of the file that was there, what the run does not know of stays: mode, and other names.
TEST(Output, KeepsTheModeAndTheLinksOfAFile)
{
    const TempFolder folder;
    const std::string csv = folder.path() + "/r.csv";
    std::ofstream(csv) << "old";
    std::filesystem::permissions(csv, std::filesystem::perms::owner_read |
                                          std::filesystem::perms::owner_write);
    std::ofstream(csv + ".new") << "what a killed writer left";
    ASSERT_EQ(run_command({"report", stored_document(), "--csv", csv}).exit_code, 0);

    struct ::stat is {};

    ASSERT_EQ(::stat(csv.c_str(), &is), 0);
    EXPECT_EQ(is.st_mode & 07777U, 0600U);
    EXPECT_GT(is.st_size, 100);
    EXPECT_FALSE(std::filesystem::exists(csv + ".new"));

    std::filesystem::create_hard_link(csv, folder.path() + "/other");
    std::ofstream(csv) << "old";
    ASSERT_EQ(run_command({"report", stored_document(), "--csv", csv}).exit_code, 0);
    EXPECT_GT(std::filesystem::file_size(folder.path() + "/other"), 100U);
    std::filesystem::create_symlink("itself", folder.path() + "/itself");
    expect_refused(run_command({"report", stored_document(), "--csv", folder.path() + "/itself"}),
                   HasSubstr("itself: cannot be written: Too many levels of symbolic links"));
    expect_refused(run_command({"report", stored_document(), "--csv",
                                folder.path() + "/" + std::string(300, 'x')}),
                   HasSubstr("cannot be written: File name too long"));
}

TEST(Output, FolderGetsDocumentAndTable)
{
    const SourceFile file(10'000);
    const std::string folder = file.path() + ".out";
    const CommandResult result =
        run_command({"run", "--file", file.path(), "--rounds", "1", "--cache", "hot", "--methods",
                     "read_write", "--out", folder});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, ""); // no progress where stderr is no terminal
    std::ifstream table(folder + "/table.txt");
    const std::string text((std::istreambuf_iterator<char>(table)), {});
    EXPECT_EQ(text, result.out);
    EXPECT_THAT(text, HasSubstr("3/0/0"));
    std::ifstream json(folder + "/result.json");
    EXPECT_EQ(nlohmann::json::parse(json).at("schema"), "pagewire.result/1");
    std::filesystem::remove_all(folder);
}

} // namespace
} // namespace pagewire::tests
