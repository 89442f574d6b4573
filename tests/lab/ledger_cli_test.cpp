// SPDX-License-Identifier: BSD-3-Clause
// The ledger as a user and a doubter meet it: the same counts as strace's, and on a poorer kernel a
// reason in place of a figure.
#include "testbed/ledger/record.h"
#include "tests/support/command.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/refuse.hpp"
#include "tests/support/source_file.hpp"

#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include <array>
#include <map>
#include <regex>
#include <set>

namespace pagewire::tests {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::uint64_t kFileBytes = 8U << 20U;

nlohmann::json only_row(const CommandResult& result)
{
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const auto document = nlohmann::json::parse(result.out);
    EXPECT_EQ(document.at("rows").size(), 1U);
    return document.at("rows").at(0);
}

std::vector<std::string> run_words(const SourceFile& file, const std::string& method,
                                   const std::vector<std::string>& more)
{
    std::vector<std::string> words{"run",  "--file",  file.path(), "--methods",
                                   method, "--cache", "cold",      "--no-ceilings"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

/// One watched transfer.
std::vector<std::string> with(std::vector<std::string> more)
{
    more.insert(more.end(), {"--rounds", "1", "--ledger", "with"});
    return more;
}

/// A program on PATH, in the background.
class Program {
  public:
    explicit Program(std::vector<std::string> words)
    {
        std::vector<char*> argv;
        argv.reserve(words.size() + 1);
        for (std::string& word : words)
            argv.push_back(word.data());
        argv.push_back(nullptr);
        pid_ = core::checked(::fork(), "fork");
        if (pid_ == 0) {
            ::execvp(argv[0], argv.data());
            ::_exit(127);
        }
    }

    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    ~Program()
    {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    void wait()
    {
        int status = 0;
        ::waitpid(pid_, &status, 0);
        EXPECT_EQ(status, 0);
    }

  private:
    pid_t pid_ = -1;
};

bool is_traced(pid_t pid)
{
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("TracerPid:"))
            return std::stoi(line.substr(10)) != 0;
    }
    return false;
}

/// Calls by name between the marks BEGIN and SENT of a log of `strace -f`.
std::map<std::string, std::uint64_t> calls_in_window(const std::string& log)
{
    std::ifstream lines(log);
    std::map<std::string, std::uint64_t> calls;
    const std::regex call(R"(^(?:\d+ +)?([a-z_0-9]+)\()"); // not "<... read resumed>"
    const std::regex mark(R"(prctl\(0x50574c4d[^,]*, 0x[0-9a-f]+, (0x[0-9a-f]+))");
    bool inside = false;
    for (std::string line; std::getline(lines, line);) {
        std::smatch match;
        if (std::regex_search(line, match, mark)) {
            inside = std::stoi(match[1], nullptr, 16) == LEDGER_MARK_BEGIN;
            continue;
        }
        if (inside && std::regex_search(line, match, call))
            ++calls[match[1]];
    }
    return calls;
}

class AgainstStrace : public testing::TestWithParam<const char*> {};

TEST_P(AgainstStrace, CountsTheSameCallsToTheLast)
{
    const SourceFile file(kFileBytes);
    const std::string log = file.path() + ".strace";
    std::array<int, 2> keys{};
    core::checked(::pipe2(keys.data(), O_CLOEXEC), "pipe2");
    const core::UniqueFd keyboard(keys[1]);
    core::UniqueFd input(keys[0]);
    RunningCommand run(run_words(file, GetParam(), with({"--pause", "--json", "-"})),
                       [&] { ::dup2(input.get(), STDIN_FILENO); });
    input.reset();
    pid_t worker = 0;
    ASSERT_TRUE(eventually([&] { return (worker = child_named(run.pid(), "worker")) != 0; }, 10s));
    Program strace({"strace", "-f", "-o", log, "-p", std::to_string(worker)});
    ASSERT_TRUE(eventually([&] { return is_traced(worker); }, 10s)) << "is strace installed?";
    ASSERT_EQ(::write(keyboard.get(), "\n", 1), 1);
    const CommandResult result = run.wait();
    strace.wait();

    EXPECT_THAT(result.err, HasSubstr("calls.log -p " + std::to_string(worker)));
    const auto row = only_row(result);
    const auto counted = row.at("ledger").at("syscalls");
    const auto calls = calls_in_window(log);
    EXPECT_FALSE(calls.empty());
    EXPECT_EQ(counted.get<decltype(calls)>(), calls);
    // strace looks into buffers, and takes the page faults of a mapped file: they are the file's
    // all the same.
    EXPECT_NEAR(row.at("ledger").at("dma_disk_per_byte").get<double>(), 1, 0.02);
    std::filesystem::remove(log);
}

INSTANTIATE_TEST_SUITE_P(Methods, AgainstStrace,
                         testing::Values("read_write", "mmap_write", "sendfile", "sendfile_sg",
                                         "af_xdp"),
                         [](const auto& instance) { return std::string(instance.param); });

// ---- poorer kernels: a reason, never a zero, and the run goes on ----

void expect_no_ledger(const CommandResult& result, const std::string& reason)
{
    const auto row = only_row(result);
    EXPECT_EQ(row.at("status"), "ok");
    const auto& ledger = row.at("ledger");
    for (const char* figure : {"crossings_per_turn", "cpu_copies_per_byte", "syscalls_per_mib"}) {
        EXPECT_TRUE(ledger.at(figure).is_null()) << figure;
        EXPECT_THAT(ledger.at("evidence").at(figure).get<std::string>(),
                    AllOf(StartsWith("unavailable: "), HasSubstr(reason)));
    }
    EXPECT_TRUE(ledger.at("syscalls").is_null());
    EXPECT_EQ(row.at("zero_copy").at("observed"), "unknown");
    EXPECT_TRUE(row.at("textbook").at("agrees").is_null());
    // What the worker knows of itself is there all the same.
    EXPECT_NEAR(ledger.at("dma_disk_per_byte").get<double>(), 1, 0.02);
}

TEST(PoorKernel, WithoutPermissionForBpf)
{
    const SourceFile file(kFileBytes);
    expect_no_ledger(run_command(run_words(file, "read_write", with({"--json", "-"})),
                                 [] { refuse_call(SYS_bpf, EPERM); }),
                     "Operation not permitted");
}

TEST(PoorKernel, WithoutBtf)
{
    const SourceFile file(kFileBytes);
    const auto hide_btf = [] {
        if (::unshare(CLONE_NEWNS) != 0 ||
            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("none", "/sys/kernel/btf", "tmpfs", 0, nullptr) != 0)
            ::_exit(99);
    };
    expect_no_ledger(run_command(run_words(file, "read_write", with({"--json", "-"})), hide_btf),
                     "BTF");
}

TEST(PoorKernel, WithoutPermissionForPerfEvents)
{
    const SourceFile file(kFileBytes);
    const auto row = only_row(run_command(run_words(file, "read_write", with({"--json", "-"})),
                                          [] { refuse_call(SYS_perf_event_open, EACCES); }));
    const auto& ledger = row.at("ledger");
    for (const char* figure : {"cycles_per_byte", "instructions_per_byte", "llc_misses_per_kib"}) {
        EXPECT_TRUE(ledger.at(figure).is_null());
        EXPECT_THAT(ledger.at("evidence").at(figure).get<std::string>(),
                    AllOf(StartsWith("unavailable: "), HasSubstr("perf_event_paranoid"),
                          HasSubstr("CAP_PERFMON")));
    }
    EXPECT_NEAR(ledger.at("cpu_copies_per_byte").get<double>(), 2, 0.03); // the rest is there
}

// ---- modes ----

TEST(LedgerMode, OffSaysSo)
{
    const SourceFile file(kFileBytes);
    const CommandResult result = run_command(
        run_words(file, "read_write", {"--rounds", "1", "--ledger", "off", "--json", "-"}));
    expect_no_ledger(result, "switched off");
}

TEST(LedgerMode, ApartTimesOnlyUnwatchedTransfers)
{
    const SourceFile file(kFileBytes);
    const CommandResult result = run_command(
        run_words(file, "read_write", {"--ledger", "apart", "--rounds", "2", "--json", "-"}));
    const auto row = only_row(result);
    const auto& transfers = row.at("transfers");
    EXPECT_EQ(transfers.size(), 4U);
    EXPECT_EQ(std::count_if(transfers.begin(), transfers.end(),
                            [](const auto& t) { return t.at("watched").template get<bool>(); }),
              2);
    EXPECT_EQ(row.at("goodput_gbps").at("samples").size(), 2U);
    const auto cost = nlohmann::json::parse(result.out).at("ledger").at("goodput_ratio");
    EXPECT_EQ(cost.at("num_pairs"), 2);
}

TEST(Explain, ShowsEachStepWithItsFigure)
{
    const SourceFile file(kFileBytes);
    const CommandResult result = run_command({"run", "--file", file.path(), "--rounds", "1",
                                              "--no-ceilings", "--explain", "read_write"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("page cache"), HasSubstr("user buffer"),
                                  HasSubstr("1.00 DMA a byte"), HasSubstr("1.00 copies a byte"),
                                  HasSubstr("0.00 copies a byte"),
                                  HasSubstr("4 crossings, 2 copies, 2 DMA: agrees")));
    const CommandResult both =
        run_command({"run", "--explain", "read_write", "--methods", "sendfile"});
    EXPECT_EQ(both.exit_code, 2);
    EXPECT_THAT(both.err, HasSubstr("leave out --methods"));
}

// ---- nothing is left ----

/// Identities of the ledger's programs that the kernel holds and that are not among `known`. It
/// lets go of programs some moments after their owner has.
std::set<__u32> ledger_programs(const std::set<__u32>& known = {})
{
    std::set<__u32> found;
    for (__u32 id = 0; ::bpf_prog_get_next_id(id, &id) == 0;) {
        const core::UniqueFd program(::bpf_prog_get_fd_by_id(id));
        bpf_prog_info info{};
        __u32 length = sizeof(info);
        if (program && ::bpf_obj_get_info_by_fd(program.get(), &info, &length) == 0 &&
            std::string_view(info.name) == "on_sys_exit" && !known.contains(id))
            found.insert(id);
    }
    return found;
}

TEST(KillNine, LeavesNoProgramBehind)
{
    const SourceFile file(kFileBytes);
    const std::set<__u32> before = ledger_programs();
    RunningCommand run(run_words(file, "read_write", {"--rounds", "1000", "--ledger", "with"}));
    ASSERT_TRUE(eventually([&] { return !ledger_programs(before).empty(); }, 10s));
    ASSERT_TRUE(eventually([&] { return child_named(run.pid(), "worker") != 0; }, 10s));
    run.signal(SIGKILL);
    (void)run.wait();
    EXPECT_TRUE(eventually([&] { return ledger_programs(before).empty(); }, 5s));
}

} // namespace
} // namespace pagewire::tests
