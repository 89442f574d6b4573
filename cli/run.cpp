// SPDX-License-Identifier: BSD-3-Clause
// pagewire run: the experiment.
#include "cli/commands.hpp"
#include "cli/interruption.hpp"
#include "cli/nic_restore.hpp"
#include "cli/output.hpp"
#include "cli/pause.hpp"
#include "cli/progress.hpp"
#include "core/error.hpp"
#include "core/units.hpp"
#include "dataplane/fault.hpp"
#include "nic/pci_binding.hpp"
#include "nic/pci_device.hpp"
#include "testbed/experiment.hpp"
#include "testbed/explanation.hpp"
#include "testbed/plan.hpp"
#include "testbed/registry.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <optional>

namespace pagewire::cli {

namespace {

/// The words of the command line; what is not given leaves the plan as it is.
struct Words {
    std::string plan_file;
    std::optional<std::string> file;
    std::optional<std::string> size;
    std::optional<std::string> offset;
    std::optional<std::string> length;
    std::vector<std::string> methods;
    std::vector<std::string> cache;
    std::optional<std::string> wire;
    std::optional<std::string> sink;
    std::optional<unsigned> rounds;
    std::optional<unsigned> rounds_max;
    std::optional<std::uint64_t> seed;
    std::optional<std::string> chunk;
    std::optional<std::uint32_t> mtu;
    std::optional<std::string> rate;
    std::optional<std::string> source;
    std::optional<std::string> fault;
    std::optional<long> time_limit_s;
    std::optional<std::string> lab;
    std::optional<std::string> interface;
    std::optional<std::string> peer;
    bool allow_nic_changes = false;
    std::optional<std::string> layout;
    std::optional<std::string> checksum;
    std::optional<std::string> bind;
    std::optional<std::uint32_t> queue;
    std::optional<std::uint32_t> queues;
    bool protect_payload = false;
    std::optional<std::string> dpdk_port;
    bool dpdk_bind = false;
    std::optional<std::string> ledger;
    std::string explain;
    bool pause = false;
    bool no_verify = false;
    bool no_ceilings = false;
    std::string out_folder;
    std::string json_file;
    bool quiet = false;
};

void add_options(CLI::App& command, Words& words)
{
    command
        .add_option("plan", words.plan_file,
                    "Experiment plan, TOML (docs/plan.md); default: that of configs/quick.toml "
                    "without its arms")
        ->type_name("PLAN.toml");
    command.add_option("--file", words.file, "File to send; default: a generated one")
        ->type_name("FILE");
    command.add_option("--size", words.size, "Size of the generated file, e.g. 256MiB")
        ->type_name("SIZE");
    command.add_option("--offset", words.offset, "First byte to send")->type_name("SIZE");
    command.add_option("--length", words.length, "Bytes to send; default: to the end")
        ->type_name("SIZE");
    command.add_option("--methods", words.methods, "Methods and engines, see pagewire list")
        ->delimiter(',')
        ->type_name("a,b");
    command
        .add_option("--rounds", words.rounds,
                    "Rounds; each runs every row once, and once more watched by the ledger")
        ->type_name("N");
    command.add_option("--cache", words.cache, "Page cache of the file before each transfer")
        ->delimiter(',')
        ->type_name("cold,hot");
    command.add_option("--wire", words.wire, "Only methods of this wire")->type_name("tcp|udp");
    command
        .add_option("--sink", words.sink,
                    "What receives UDP: a kernel socket (default) or AF_XDP; TCP is always the "
                    "kernel's")
        ->type_name("kernel|af_xdp");
    command
        .add_option("--rounds-max", words.rounds_max,
                    "More rounds than --rounds, up to so many, until every median is known to the "
                    "plan's target_percent")
        ->type_name("N");
    command.add_option("--seed", words.seed, "Seed of the order within the rounds")->type_name("N");
    command.add_option("--chunk", words.chunk, "Bytes a turn of read_write and mmap_write")
        ->type_name("SIZE");
    command.add_option("--mtu", words.mtu, "MTU of the lab's link")->type_name("N");
    command
        .add_option("--rate", words.rate,
                    "Open loop: offer this rate over UDP, count what is lost. Gb/s of payload: 5, "
                    "5Gbps, 5Gb/s; packets a second: 1000pps, 200kpps, 1.5Mpps")
        ->type_name("RATE");
    command.add_option("--source", words.source, "Where engines take payload from")
        ->type_name("disk|memory");
    command
        .add_option(
            "--layout", words.layout,
            "af_xdp, dpdk: header and page slices, or one descriptor with the header before its "
            "payload; auto: by the device")
        ->type_name("auto|segments|headroom");
    command
        .add_option(
            "--checksum", words.checksum,
            "af_xdp, dpdk: the UDP checksum: 0, by the device, or from sums taken of the file "
            "before the transfer")
        ->type_name("none|offload|sidecar");
    command
        .add_option("--bind", words.bind, "af_xdp: what bind(2) asks for; auto: the driver's best")
        ->type_name("auto|copy|zerocopy");
    command.add_option("--queue", words.queue, "af_xdp: hardware queue to send from, the first")
        ->type_name("N");
    command
        .add_option(
            "--queues", words.queues,
            "af_xdp, dpdk: hardware queues that send at once, each with a thread and a part of the "
            "file")
        ->type_name("N");
    command.add_flag(
        "--protect-payload", words.protect_payload,
        "af_xdp, dpdk: PROT_NONE on the payload during the transfer: proof that user space "
        "does not touch it");
    command
        .add_option("--dpdk-port", words.dpdk_port,
                    "dpdk: the port in DPDK's words, 0000:01:00.0 or net_af_packet0,iface=eth1; "
                    "default: virtio-user to a software NIC in the sink")
        ->type_name("PORT");
    command.add_flag("--dpdk-bind", words.dpdk_bind,
                     "Give the PCI device of --dpdk-port to vfio-pci for the run, and back to its "
                     "driver after it");
    command
        .add_option("--fault", words.fault,
                    "Spoil one packet of an engine, to see the sink notice: flip@N, drop@N, "
                    "duplicate@N, reorder@N")
        ->type_name("KIND@N");
    command.add_option("--time-limit", words.time_limit_s, "Longest time for one transfer")
        ->type_name("SECONDS");
    command
        .add_option("--lab", words.lab,
                    "veth: on this machine alone (default); host: --if here, a sink at --peer")
        ->type_name("veth|host");
    command.add_option("--if", words.interface, "host lab: the sending interface")->type_name("IF");
    command.add_option("--peer", words.peer, "host lab: where pagewire sink listens")
        ->type_name("ADDRESS:PORT");
    command.add_flag("--allow-nic-changes", words.allow_nic_changes,
                     "host lab: set the NIC's features as methods and arms need them, journalled "
                     "and restored (docs/nic.md); not on the interface this machine is reached by");
    command
        .add_option("--ledger", words.ledger,
                    "Watch transfers apart from the timed ones (default), with them, or not at all")
        ->type_name("apart|with|off");
    command
        .add_option("--explain", words.explain,
                    "Run this method alone and print the path of a byte, step by step, with what "
                    "each step was seen to cost")
        ->type_name("METHOD");
    command.add_flag("--pause", words.pause,
                     "Wait for Enter before each watched transfer, with its worker set up: to look "
                     "at it with strace, ethtool");
    command.add_flag("--no-verify", words.no_verify,
                     "Count bytes at the sink without verifying them; labelled so");
    command.add_flag("--no-ceilings", words.no_ceilings,
                     "Leave out the measurement of the machine's limits");
    command.add_option("--out", words.out_folder, "Write result.json and table.txt there")
        ->type_name("DIR");
    command
        .add_option("--json", words.json_file,
                    "Write the result document; - for stdout, without the table")
        ->type_name("FILE");
    command.add_flag("--quiet", words.quiet, "No table");
}

/// A fault that nothing would act on must not read as one that was survived.
void check_fault(const testbed::Plan& plan)
{
    (void)dataplane::parse_fault(plan.dataplane.fault);
    for (const std::string& name : plan.methods) {
        if (testbed::find_method(name)->wire != core::Wire::kUdp)
            throw core::UsageError(
                fmt::format("--fault spoils an engine's packets and {} has none: name engines "
                            "only, e.g. --methods af_xdp",
                            name));
    }
    if (plan.dataplane.source == core::PayloadSource::kMemory)
        throw core::UsageError(
            "--fault needs --source disk: memory is sent again and again, and would stay spoilt");
}

testbed::Plan make_plan(const Words& words)
{
    testbed::Plan plan =
        words.plan_file.empty() ? testbed::Plan{} : testbed::load_plan(words.plan_file);
    const auto set_bytes = [](std::uint64_t& target, const std::optional<std::string>& word) {
        if (word)
            target = core::parse_bytes(*word);
    };
    const auto set = [](auto& target, const auto& word) {
        if (word)
            target = *word;
    };
    if (words.file && words.file->empty())
        throw core::UsageError("--file: the name is empty");
    if (words.file && words.size)
        throw core::UsageError("--size is for the generated file: leave out --file or --size");
    set(plan.path, words.file);
    if (words.size)
        plan.path.clear();
    set_bytes(plan.generated_bytes, words.size);
    set_bytes(plan.offset, words.offset);
    set_bytes(plan.length, words.length);
    set_bytes(plan.chunk_bytes, words.chunk);
    if (!words.methods.empty())
        plan.methods = words.methods;
    if (!words.cache.empty()) {
        plan.cache.clear();
        for (const std::string& word : words.cache)
            plan.cache.push_back(testbed::parse_cache_state(word));
    }
    if (words.wire)
        plan.wire = testbed::parse_wire(*words.wire);
    if (words.sink)
        plan.sink = testbed::parse_sink_kind(*words.sink);
    set(plan.rounds, words.rounds);
    set(plan.rounds_max, words.rounds_max);
    set(plan.seed, words.seed);
    set(plan.mtu, words.mtu);
    if (words.rate)
        plan.dataplane.rate = core::parse_rate(*words.rate);
    set(plan.dataplane.fault, words.fault);
    if (words.source)
        plan.dataplane.source = testbed::parse_payload_source(*words.source);
    if (words.layout)
        plan.dataplane.layout = testbed::parse_packet_layout(*words.layout);
    if (words.checksum)
        plan.dataplane.checksum = testbed::parse_checksum_mode(*words.checksum);
    if (words.bind)
        plan.dataplane.bind = testbed::parse_bind_mode(*words.bind);
    set(plan.dataplane.queue, words.queue);
    set(plan.dataplane.num_queues, words.queues);
    plan.dataplane.protect_payload = plan.dataplane.protect_payload || words.protect_payload;
    if (words.dpdk_port && words.dpdk_port->empty())
        throw core::UsageError("--dpdk-port: the name is empty");
    set(plan.dataplane.dpdk_port, words.dpdk_port);
    if (words.time_limit_s)
        plan.time_limit = std::chrono::seconds(*words.time_limit_s);
    if (words.ledger)
        plan.ledger = testbed::parse_ledger_mode(*words.ledger);
    if (!words.explain.empty()) {
        if (!words.methods.empty())
            throw core::UsageError("--explain runs its method alone: leave out --methods");
        plan.methods = {words.explain};
        if (words.cache.empty() && words.plan_file.empty())
            plan.cache = {testbed::CacheState::kCold};
    }
    if (words.lab)
        plan.lab = testbed::parse_lab_kind(*words.lab);
    set(plan.interface, words.interface);
    set(plan.peer, words.peer);
    plan.allow_nic_changes = plan.allow_nic_changes || words.allow_nic_changes;
    plan.verify = plan.verify && !words.no_verify;
    plan.ceilings = plan.ceilings && !words.no_ceilings;
    testbed::validate_plan(plan, testbed::methods());
    if (!plan.dataplane.fault.empty())
        check_fault(plan);
    return plan;
}

/// What this run was told to take.
std::optional<nic::PciBinding> bind_port(const Words& words, const testbed::Plan& plan)
{
    if (!words.dpdk_bind)
        return std::nullopt;
    const std::string& port = plan.dataplane.dpdk_port;
    const std::string address = port.substr(0, port.find(','));
    if (!nic::is_pci_address(address)) {
        throw core::UsageError("--dpdk-bind: binds a PCI device: name one with --dpdk-port, as "
                               "0000:01:00.0");
    }
    return std::optional<nic::PciBinding>(std::in_place, address);
}

/// A method that was asked for by name must run, or the request fails: a skipped row is for plans.
void require_methods(const Words& words)
{
    std::vector<std::string> names = words.methods;
    if (!words.explain.empty())
        names.push_back(words.explain);
    for (const std::string& name : names) {
        const core::Method* method = testbed::find_method(name);
        if (const core::Support support = method->probe(); !support)
            throw core::UsageError(fmt::format("{}: {}", name, support.reason()));
    }
}

int run(const Words& words)
{
    const testbed::Plan plan = make_plan(words);
    require_methods(words);
    const Output output(words.out_folder,
                        words.json_file); // can it be written? before anything is measured
    catch_interruptions();
    restore_leftovers();
    const std::optional<nic::PciBinding> binding = bind_port(words, plan);
    ProgressLine line;
    const auto pause = [&](const testbed::Cell& cell, pid_t worker, const std::string& interface) {
        line.clear();
        pause_before(cell, worker, interface, interruption());
    };
    const testbed::RunResult result = testbed::run_experiment(
        plan, interruption(),
        [&](std::size_t done, std::size_t total, const std::string& what) {
            line.show(done, total, what);
        },
        words.pause ? testbed::Pause(pause) : testbed::Pause());
    line.clear();
    const nlohmann::json document = testbed::result_document(result);
    const std::string table =
        words.explain.empty() ? testbed::result_table(result) : testbed::explanation(result);
    if (!words.quiet && words.json_file != "-")
        fmt::print("{}", table);
    output.write(document, table);
    if (result.interrupted)
        return kInterrupted;
    if (result.nothing_measured())
        throw core::UsageError(
            fmt::format("nothing could be measured: {}", result.rows.front().reason()));
    return result.any_failed() ? kFoundWrong : kDone;
}

} // namespace

void add_run(CLI::App& program, int& exit_code)
{
    CLI::App* command =
        program.add_subcommand("run", "Send one file by every method and measure each");
    command->footer(
        "Needs root (network namespaces, AF_XDP) and about a minute with the default plan.\n"
        "Leaves nothing behind but the generated file (in $PAGEWIRE_CACHE, else "
        "~/.cache/pagewire).\n"
        "Without --allow-nic-changes or --dpdk-bind no NIC of this machine is changed. What is, is "
        "restored when the\nrun ends or is interrupted; after kill -9 by the next run, features "
        "also "
        "by pagewire nic restore.");
    auto words = std::make_shared<Words>();
    add_options(*command, *words);
    command->callback([words, &exit_code] { exit_code = run(*words); });
}

} // namespace pagewire::cli
