// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/ledger/ledger.hpp"

#include "core/error.hpp"
#include "testbed/ledger/ledger.skel.h" // generated
#include "testbed/ledger/mark.hpp"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

namespace pagewire::testbed {

namespace {

/// libbpf's last warning: what a failure to load says about its cause.
std::string last_warning;

int keep_warning(libbpf_print_level level, const char* format, va_list arguments)
{
    if (level != LIBBPF_WARN)
        return 0;
    std::array<char, 512> text{};
    const int length = std::vsnprintf(text.data(), text.size(), format, arguments);
    // The last word is a summary of the first one, which names the cause.
    if (last_warning.empty() && length > 0)
        last_warning = text.data();
    return 0;
}

/// "BPF program load failed: Operation not permitted", without libbpf's prefix and line end.
std::string why(int error)
{
    std::string text = last_warning.substr(0, last_warning.find('\n'));
    if (text.starts_with("libbpf: "))
        text.erase(0, 8);
    return text.empty() ? core::errno_text(error) : text;
}

struct FreeBtf {
    void operator()(btf* types) const noexcept { ::btf__free(types); }
};

using BtfPtr = std::unique_ptr<btf, FreeBtf>;

/// Events that went by while this program was already running on the same CPU.
std::uint64_t missed_by(const bpf_program* program)
{
    bpf_prog_info info{};
    __u32 length = sizeof(info);
    const int fd = bpf_program__fd(program);
    if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length) != 0)
        return 0;
    return info.recursion_misses;
}

std::string call_name(unsigned number)
{
    const std::unique_ptr<char, decltype(&std::free)> name(
        ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(number)), &std::free);
    return name ? name.get() : fmt::format("syscall_{}", number);
}

void add_calls(std::map<std::string, std::uint64_t>& calls,
               const ledger_u64 (&by_number)[LEDGER_NUM_SYSCALLS])
{
    for (unsigned number = 0; number < LEDGER_NUM_SYSCALLS; ++number) {
        if (by_number[number] > 0)
            calls[call_name(number)] += by_number[number];
    }
}

void set_constants(ledger_bpf& skeleton)
{
    auto& constants = *skeleton.rodata;
    constants.nr_prctl = SYS_prctl;
    constants.nr_read = SYS_read;
    constants.nr_readv = SYS_readv;
    constants.nr_pread = SYS_pread64;
    constants.nr_preadv = SYS_preadv;
    constants.nr_preadv2 = SYS_preadv2;
    constants.nr_write = SYS_write;
    constants.nr_writev = SYS_writev;
    constants.nr_pwrite = SYS_pwrite64;
    constants.nr_pwritev = SYS_pwritev;
    constants.nr_pwritev2 = SYS_pwritev2;
    constants.nr_sendto = SYS_sendto;
    constants.nr_sendmsg = SYS_sendmsg;
    constants.o_direct = O_DIRECT;
}

} // namespace

struct Ledger::Programs {
    struct Close {
        void operator()(ledger_bpf* owned) const noexcept { ledger_bpf::destroy(owned); }
    };

    struct Missed {
        std::uint64_t packets = 0; ///< by the programs whose stages have a sum
        std::uint64_t others = 0;
    };

    std::unique_ptr<ledger_bpf, Close> skeleton;
    std::map<std::string, std::string> absent;
    std::string copiers_unavailable;
    Missed missed_before;

    /// Those that hang on functions, by fentry and fexit.
    [[nodiscard]] auto hooks() const
    {
        return std::array{
            skeleton->progs.after_filemap_read,   skeleton->progs.after_tcp_sendmsg_locked,
            skeleton->progs.before_skb_copy_bits, skeleton->progs.before_skb_copy_and_csum_bits,
            skeleton->progs.before_direct_xmit,   skeleton->progs.after_descriptors};
    }

    /// Opens and loads, with the hooks or without. Returns 0 or an errno.
    int load(bool with_hooks)
    {
        last_warning.clear();
        skeleton.reset(ledger_bpf::open());
        if (!skeleton)
            return errno;
        set_constants(*skeleton);
        for (bpf_program* hook : hooks())
            bpf_program__set_autoload(hook, with_hooks);
        fit_to_kernel();
        return -ledger_bpf::load(skeleton.get());
    }

    /// A tracepoint that this kernel lacks costs the figures that hang on it, no more.
    void fit_to_kernel()
    {
        const BtfPtr kernel(::btf__load_vmlinux_btf());
        if (!kernel)
            return; // load() says so in its own words
        skeleton->rodata->has_rdonly_cast =
            ::btf__find_by_name_kind(kernel.get(), "bpf_rdonly_cast", BTF_KIND_FUNC) >= 0 ? 1U : 0U;
        bpf_program* program = nullptr;
        absent.clear();
        bpf_object__for_each_program(program, skeleton->obj)
        {
            const std::string_view section = bpf_program__section_name(program);
            if (section.ends_with("/__dev_direct_xmit") ||
                section.ends_with("/xsk_tx_peek_release_desc_batch"))
                need_function(*kernel, program, section.substr(section.find('/') + 1));
            if (!section.starts_with("tp_btf/"))
                continue;
            const std::string name(section.substr(7));
            if (::btf__find_by_name_kind(kernel.get(), ("btf_trace_" + name).c_str(),
                                         BTF_KIND_TYPEDEF) < 0) {
                absent[name] = fmt::format("this kernel has no tracepoint {}", name);
                bpf_program__set_autoload(program, false);
            }
        }
    }

    /// Without AF_XDP (CONFIG_XDP_SOCKETS) there is nothing of it to see.
    void need_function(const btf& kernel, bpf_program* program, std::string_view name)
    {
        const std::string function(name);
        if (::btf__find_by_name_kind(&kernel, function.c_str(), BTF_KIND_FUNC) >= 0)
            return;
        absent[function] = fmt::format("this kernel has no function {}", function);
        bpf_program__set_autoload(program, false);
    }

    [[nodiscard]] Missed missed() const
    {
        const auto& programs = skeleton->progs;
        const std::array see_packets{programs.on_queue, programs.on_transmit, programs.on_arrival,
                                     programs.on_delivery, programs.before_direct_xmit};
        Missed missed;
        const bpf_program* program = nullptr;
        for (program = bpf_object__next_program(skeleton->obj, nullptr); program != nullptr;
             program = bpf_object__next_program(skeleton->obj, const_cast<bpf_program*>(program)))
            (std::ranges::find(see_packets, program) != see_packets.end() ? missed.packets
                                                                          : missed.others) +=
                missed_by(program);
        return missed;
    }
};

Ledger::Ledger(bool wanted)
{
    if (!wanted) {
        support_ = core::Support::unavailable("switched off");
        return;
    }
    libbpf_set_print(keep_warning);
    auto programs = std::make_unique<Programs>();
    int error = programs->load(true);
    if (error == 0) { // loading is one permission, attaching another
        error = -ledger_bpf::attach(programs->skeleton.get());
        ledger_bpf::detach(programs->skeleton.get());
    }
    if (error != 0) {
        programs->copiers_unavailable = why(error);
        error = programs->load(false);
    }
    if (error != 0) {
        support_ = core::Support::unavailable(
            fmt::format("the kernel does not take the ledger's BPF programs: {}", why(error)));
        return;
    }
    programs_ = std::move(programs);
}

Ledger::~Ledger() = default;

std::uint64_t Ledger::start(const LedgerSubject& subject)
{
    auto& skeleton = *programs_->skeleton;
    auto& memory = *skeleton.bss;
    std::random_device random;
    std::size_t memory_bytes = 0;
    const void* all = ::bpf_map__initial_value(skeleton.maps.bss, &memory_bytes);
    std::memset(const_cast<void*>(all), 0, memory_bytes); // the programs' own state lies there too
    memory.config = {.token = (std::uint64_t{random()} << 32U) | random() | 1U,
                     .range_offset = subject.range_offset,
                     .tx_ifindex = subject.sender.ifindex,
                     .tx_netns = subject.sender.netns,
                     .rx_ifindex = subject.peer.ifindex,
                     .rx_netns = subject.peer.netns,
                     .peer_ipv4 = subject.peer_ipv4,
                     .peer_port = subject.peer_port,
                     .flow = subject.flow,
                     .num_flows = subject.num_flows,
                     .page_bytes = static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE))};
    programs_->missed_before = programs_->missed();
    last_warning.clear();
    if (const int error = -ledger_bpf::attach(&skeleton); error != 0) {
        ledger_bpf::detach(&skeleton);
        throw core::TransferError(fmt::format("the ledger cannot be attached: {}", why(error)));
    }
    mark(memory.config.token, LEDGER_MARK_FILE, static_cast<std::uint64_t>(subject.source_fd));
    return memory.config.token;
}

LedgerReading Ledger::stop()
{
    auto& skeleton = *programs_->skeleton;
    ledger_bpf::detach(&skeleton);
    auto& memory = *skeleton.bss;
    memory.config.token = 0;
    LedgerReading reading;
    reading.counts = memory.counts;
    const Programs::Missed missed = programs_->missed();
    reading.num_missed = missed.others - programs_->missed_before.others;
    reading.num_missed_packets = missed.packets - programs_->missed_before.packets;
    add_calls(reading.calls, reading.counts.calls[LEDGER_WINDOW]);
    add_calls(reading.calls_after, reading.counts.calls[LEDGER_DRAIN]);
    add_calls(reading.calls_after, reading.counts.calls[LEDGER_OVER]);
    reading.copiers_unavailable = programs_->copiers_unavailable;
    reading.absent = programs_->absent;
    return reading;
}

} // namespace pagewire::testbed
