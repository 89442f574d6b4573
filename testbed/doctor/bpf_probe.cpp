// SPDX-License-Identifier: BSD-3-Clause
#include "core/error.hpp"
#include "core/unique_fd.hpp"
#include "testbed/doctor/machine.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdarg>

namespace pagewire::testbed::doctor {

namespace {

/// return 0
constexpr std::array<bpf_insn, 2> kEmptyProgram = {{
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
    {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
}};

/// The kernel's own target for such tries (net/bpf/test_run.c): nothing else calls it.
constexpr const char* kTarget = "bpf_fentry_test1";

int silent(libbpf_print_level /*level*/, const char* /*format*/, va_list /*args*/)
{
    return 0;
}

int load(bpf_prog_type type, const bpf_prog_load_opts* options)
{
    return ::bpf_prog_load(type, "pagewire_probe", "GPL", kEmptyProgram.data(),
                           kEmptyProgram.size(), options);
}

core::Support probe_fentry()
{
    const int function = ::libbpf_find_vmlinux_btf_id(kTarget, BPF_TRACE_FENTRY);
    if (function < 0)
        return core::Support::unavailable(
            fmt::format("{} is not in the kernel's BTF: {}", kTarget, core::errno_text(-function)));
    bpf_prog_load_opts options{}; // LIBBPF_OPTS() is no C++
    options.sz = sizeof(options);
    options.expected_attach_type = BPF_TRACE_FENTRY;
    options.attach_btf_id = static_cast<__u32>(function);
    const core::UniqueFd program(load(BPF_PROG_TYPE_TRACING, &options));
    if (!program)
        return core::Support::unavailable(fmt::format("load refused: {}", core::errno_text(errno)));
    // Loading is one permission, attaching another.
    const core::UniqueFd link(::bpf_raw_tracepoint_open(nullptr, program.get()));
    if (!link)
        return core::Support::unavailable(
            fmt::format("attach refused: {}", core::errno_text(errno)));
    return core::Support::available();
}

} // namespace

BpfSupport probe_bpf()
{
    const libbpf_print_fn_t before = ::libbpf_set_print(silent);
    BpfSupport support;
    if (const core::UniqueFd program(load(BPF_PROG_TYPE_XDP, nullptr)); !program)
        support.load = core::Support::unavailable(core::errno_text(errno));
    support.fentry = probe_fentry();
    ::libbpf_set_print(before);
    return support;
}

} // namespace pagewire::testbed::doctor
