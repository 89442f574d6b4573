// SPDX-License-Identifier: BSD-3-Clause
// The command line of `pagewire run`, and the plan that it comes to.
#include "cli/run_words.hpp"

#include "cli/output.hpp"
#include "core/error.hpp"
#include "core/units.hpp"
#include "dataplane/fault.hpp"
#include "testbed/plan_folder.hpp"
#include "testbed/registry.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pagewire::cli {

void add_run_options(CLI::App& command, RunWords& words)
{
    command
        .add_option(
            "plan", words.plan_file,
            "Experiment plan: a file (TOML; docs/plan.md), or the name of an installed one, as "
            "quick; default: quick without its arms")
        ->check(is_named())
        ->type_name("PLAN.toml");
    command.add_option("--file", words.file, "File to send; default: a generated one")
        ->type_name("FILE");
    command.add_option("--size", words.size, "Size of the generated file, e.g. 256MiB")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("SIZE,...");
    command.add_option("--offset", words.offset, "First byte to send")->type_name("SIZE");
    command.add_option("--length", words.length, "Bytes to send; default: to the end")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("SIZE,...");
    command.add_option("--methods", words.methods, "Methods and engines, see pagewire list")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("METHOD,...");
    command
        .add_option("--rounds", words.rounds,
                    "Rounds; each runs every row once, and once more watched by the ledger")
        ->type_name("N");
    command.add_option("--cache", words.cache, "Page cache of the file before each transfer")
        ->delimiter(',')
        ->allow_extra_args(false)
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
    command.add_option("--seed", words.seed, "Seed of the order within the rounds")
        ->check(CLI::Validator( // which the parser would take for a large one
            [](const std::string& word) {
                return word.starts_with('-') ? word + " is not possible: write 0 or more"
                                             : std::string();
            },
            ""))
        ->type_name("N");
    command.add_option("--chunk", words.chunk, "Bytes a turn of read_write and mmap_write")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("SIZE,...");
    command.add_option("--mtu", words.mtu, "MTU of the lab's link")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("N,...");
    command
        .add_option("--rate", words.rate,
                    "Open loop: offer this rate over UDP, count what is lost. Gb/s of payload: 5, "
                    "5Gbps, 5Gb/s; packets a second: 1000pps, 200kpps, 1.5Mpps")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("RATE,...");
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
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("N,...");
    command.add_flag("--latency", words.latency,
                     "Also the time from a request to its answer's last byte, for small parts of "
                     "the file: the plan's [latency], or its defaults (docs/latency.md)");
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
                    "veth: on this machine alone (default); vm: virtual hardware, in a guest "
                    "(docs/vm-lab.md); host: --if here, a sink at --peer")
        ->type_name("veth|vm|host");
    command
        .add_option("--kernel", words.kernel,
                    "vm lab: the guest's kernel, by the beginning of its version, as 6.1 or 7.3, "
                    "or \"newest\" (default)")
        ->type_name("VERSION");
    command
        .add_option("--if", words.interface,
                    "host lab: the sending interface; vm lab: igb0 (default) or virtio0")
        ->type_name("IF");
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
    command.add_flag("--dry-run", words.dry_run,
                     "Print the whole plan with its defaults, the rows it makes and about how long "
                     "they take; run nothing");
    command
        .add_option("--progress", words.progress,
                    "On stderr: auto, a live line on a terminal and nothing elsewhere (default); "
                    "plain, a line for each round; none")
        ->type_name("auto|plain|none");
    command.add_flag("--no-verify", words.no_verify,
                     "Count bytes at the sink without verifying them; labelled so");
    command.add_flag("--no-ceilings", words.no_ceilings,
                     "Leave out the measurement of the machine's limits");
    command.add_option("--out", words.out_folder, "Write result.json and table.txt there")
        ->check(is_named())
        ->type_name("DIR");
    command
        .add_option("--json", words.json_file,
                    "Write the result document; - for stdout, without the table")
        ->check(is_named())
        ->type_name("FILE");
    command.add_flag("--quiet", words.quiet, "No table");
}

namespace {

/// A fault that nothing would act on must not read as one that was survived.
void check_fault(const testbed::Plan& plan)
{
    (void)dataplane::parse_fault(plan.dataplane.fault);
    for (const std::string& name : plan.methods) {
        const core::Method& method = *testbed::find_method(name);
        if (method.family != core::Family::kDataplane || method.is_ceiling)
            throw core::UsageError(
                fmt::format("--fault spoils an engine's packets and {} has none: name engines "
                            "only, e.g. --methods af_xdp",
                            name));
    }
    if (plan.dataplane.source == core::PayloadSource::kMemory)
        throw core::UsageError(
            "--fault needs --source disk: memory is sent again and again, and would stay spoilt");
}

} // namespace

testbed::Plan make_plan(const RunWords& words)
{
    testbed::Plan plan =
        words.plan_file.empty()
            ? testbed::Plan{}
            : testbed::load_plan(testbed::find_plan(words.plan_file, testbed::plan_folder()));
    const testbed::Plan as_read = plan;
    const auto set_bytes = [](std::uint64_t& target, const std::optional<std::string>& word) {
        if (word)
            target = core::parse_bytes(*word);
    };
    // Several words make the key one of the matrix; one takes the place of a list of the file's.
    const auto set_all = [](const char* option, auto& one, auto& all, const auto& given,
                            auto parse) {
        if (given.empty())
            return;
        all.clear();
        for (const auto& word : given) {
            const auto value = parse(word);
            if (std::find(all.begin(), all.end(), value) != all.end())
                throw core::UsageError(
                    fmt::format("{}: {} stands there twice: leave one away", option, word));
            all.push_back(value);
        }
        one = all.front();
        if (all.size() == 1)
            all.clear();
    };
    const auto as_is = [](const auto& value) { return value; };
    const auto set = [](auto& target, const auto& word) {
        if (word)
            target = *word;
    };
    if (words.file && words.file->empty())
        throw core::UsageError("--file: the name is empty");
    if (words.file && !words.size.empty())
        throw core::UsageError("--size is for the generated file: leave out --file or --size");
    set(plan.path, words.file);
    if (words.file)
        plan.matrix.generated_bytes.clear();
    if (!words.size.empty())
        plan.path.clear();
    testbed::Matrix& matrix = plan.matrix;
    set_all("--size", plan.generated_bytes, matrix.generated_bytes, words.size, core::parse_bytes);
    set_bytes(plan.offset, words.offset);
    set_all("--length", plan.length, matrix.length, words.length, core::parse_bytes);
    set_all("--chunk", plan.chunk_bytes, matrix.chunk_bytes, words.chunk, core::parse_bytes);
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
    set_all("--mtu", plan.mtu, matrix.mtu, words.mtu, as_is);
    set_all("--rate", plan.dataplane.rate, matrix.rate, words.rate, core::parse_rate);
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
    set_all("--queues", plan.dataplane.num_queues, matrix.num_queues, words.queues, as_is);
    if (words.latency && !plan.latency)
        plan.latency.emplace();
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
    if (words.kernel && plan.lab != testbed::LabKind::kVm)
        throw core::UsageError("--kernel: the kernel of the vm lab's guest: add --lab vm");
    set(plan.interface, words.interface);
    set(plan.peer, words.peer);
    plan.allow_nic_changes = plan.allow_nic_changes || words.allow_nic_changes;
    plan.verify = plan.verify && !words.no_verify;
    plan.ceilings = plan.ceilings && !words.no_ceilings;
    if (plan.lab == testbed::LabKind::kVm) { // its timings have no meaning: nothing to hold apart
        plan.ceilings = false;
        if (plan.ledger == testbed::LedgerMode::kApart)
            plan.ledger = testbed::LedgerMode::kWith;
        // In zero-copy mode QEMU's virtio-net was seen to send nothing, until the time limit.
        if (plan.interface == "virtio0" && plan.dataplane.bind == core::BindMode::kAuto)
            plan.dataplane.bind = core::BindMode::kCopy;
    }
    testbed::validate_plan(plan, as_read, testbed::methods());
    if (!plan.dataplane.fault.empty())
        check_fault(plan);
    return plan;
}

} // namespace pagewire::cli
