// SPDX-License-Identifier: BSD-3-Clause
#include "nic/xdp_pass.hpp"

#include "core/error.hpp"
#include "nic/link.hpp"

#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>

namespace pagewire::nic {

namespace {

/// A copper port negotiates its speed again, which takes seconds.
constexpr std::chrono::seconds kCarrierTime{30};
constexpr useconds_t kPauseUs = 20'000;

/// bpf(2), which the C library does not wrap. Returns a descriptor, or -1.
int bpf(bpf_cmd command, bpf_attr& attributes)
{
    return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof(attributes)));
}

core::UniqueFd load()
{
    // r0 = XDP_PASS; exit. Documentation/bpf/standardization/instruction-set.rst
    constexpr std::uint8_t move_immediate = BPF_ALU64 | BPF_MOV | BPF_K;
    constexpr std::uint8_t leave = BPF_JMP | BPF_EXIT;
    const std::array<bpf_insn, 2> instructions{
        bpf_insn{
            .code = move_immediate, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = XDP_PASS},
        bpf_insn{.code = leave, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
    static constexpr std::string_view license = "BSD-3-Clause";
    bpf_attr attributes{};
    attributes.prog_type = BPF_PROG_TYPE_XDP;
    attributes.insn_cnt = instructions.size();
    attributes.insns = reinterpret_cast<std::uintptr_t>(instructions.data());
    attributes.license = reinterpret_cast<std::uintptr_t>(license.data());
    attributes.prog_flags = BPF_F_XDP_HAS_FRAGS; // onto devices whose MTU is above a page, too
    return core::UniqueFd(core::checked(bpf(BPF_PROG_LOAD, attributes), "bpf", "BPF_PROG_LOAD"));
}

/// Whether it came.
bool wait_for_carrier(const std::string& interface)
{
    const NetNamespace here = NetNamespace::current();
    const auto deadline = std::chrono::steady_clock::now() + kCarrierTime;
    while (!link_facts(here, interface).carrier) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        ::usleep(kPauseUs);
    }
    return true;
}

} // namespace

XdpPass::XdpPass(const std::string& interface) : interface_(interface), program_(load())
{
    const unsigned ifindex = ::if_nametoindex(interface.c_str());
    if (ifindex == 0)
        core::throw_errno("if_nametoindex", interface);
    bpf_attr attributes{};
    attributes.link_create.prog_fd = static_cast<std::uint32_t>(program_.get());
    attributes.link_create.target_ifindex = ifindex;
    attributes.link_create.attach_type = BPF_XDP;
    attributes.link_create.flags = XDP_FLAGS_DRV_MODE;
    link_.reset(bpf(BPF_LINK_CREATE, attributes));
    if (!link_ && errno != EBUSY && errno != EEXIST)
        core::throw_errno("bpf(BPF_LINK_CREATE)", "an XDP program on " + interface);
    if (!wait_for_carrier(interface)) {
        throw core::TransferError(
            fmt::format("{}: no carrier since an XDP program was attached", interface));
    }
}

XdpPass::~XdpPass()
{
    if (!link_)
        return;
    link_.reset();
    try {
        (void)wait_for_carrier(interface_);
    } catch (const std::exception&) { // the device has gone: nobody waits for its link
        return;
    }
}

} // namespace pagewire::nic
