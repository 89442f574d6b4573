// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/xdp/xdp_program.hpp"

#include "core/error.hpp"
#include "core/unique_fd.hpp"
#include "dataplane/xdp/redirect.h"
#include "dataplane/xdp/redirect.skel.h" // generated

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <array>
#include <cstdio>

namespace pagewire::dataplane {

namespace {

/// Keeps libbpf's first warning, which names the cause, from construction to destruction. libbpf's
/// printer is the process's: it comes back as it was.
class FirstWarning {
  public:
    FirstWarning() : before_(::libbpf_set_print(keep)) { text().clear(); }

    FirstWarning(const FirstWarning&) = delete;
    FirstWarning& operator=(const FirstWarning&) = delete;

    ~FirstWarning() { ::libbpf_set_print(before_); }

    /// Without libbpf's prefix and line end; the errno's text where it said nothing.
    [[nodiscard]] static std::string why(int error)
    {
        std::string line = text().substr(0, text().find('\n'));
        if (line.starts_with("libbpf: "))
            line.erase(0, 8);
        return line.empty() ? core::errno_text(error) : line;
    }

  private:
    static std::string& text()
    {
        static std::string first;
        return first;
    }

    static int keep(libbpf_print_level level, const char* format, va_list arguments)
    {
        std::array<char, 512> line{};
        if (level == LIBBPF_WARN && text().empty() &&
            std::vsnprintf(line.data(), line.size(), format, arguments) > 0)
            text() = line.data();
        return 0;
    }

    libbpf_print_fn_t before_;
};

/// The XDP program on the device, in words: "my_program (id 42)"; empty where there is none.
std::string holder(unsigned ifindex)
{
    bpf_xdp_query_opts found{};
    found.sz = sizeof(found);
    if (::bpf_xdp_query(static_cast<int>(ifindex), 0, &found) != 0)
        return {};
    __u32 id = 0;
    for (const __u32 candidate :
         {found.prog_id, found.drv_prog_id, found.skb_prog_id, found.hw_prog_id})
        id = id == 0 ? candidate : id;
    if (id == 0)
        return {};
    bpf_prog_info info{};
    __u32 length = sizeof(info);
    const core::UniqueFd program(::bpf_prog_get_fd_by_id(id));
    const bool named = program && ::bpf_obj_get_info_by_fd(program.get(), &info, &length) == 0 &&
                       info.name[0] != '\0';
    return fmt::format("{} (id {})", named ? info.name : "without a name", id);
}

void refuse_second_program(const std::string& interface, unsigned ifindex)
{
    if (const std::string who = holder(ifindex); !who.empty())
        throw core::UsageError(
            fmt::format("{0} carries the XDP program {1}: take it off (ip link set dev {0} xdp "
                        "off, or end the process that holds it), or use another interface",
                        interface, who));
}

} // namespace

struct XdpProgram::Parts {
    struct Close {
        void operator()(redirect_bpf* owned) const noexcept { redirect_bpf::destroy(owned); }
    };

    std::unique_ptr<redirect_bpf, Close> skeleton;
    core::UniqueFd link; // last: detached before the program goes
};

XdpProgram::XdpProgram(const XdpFlow& flow, std::uint32_t num_queues)
    : parts_(std::make_unique<Parts>())
{
    const FirstWarning warning;
    parts_->skeleton.reset(redirect_bpf::open());
    if (!parts_->skeleton)
        core::throw_errno("bpf_object__open", "the XDP program");
    redirect_bpf& skeleton = *parts_->skeleton;
    skeleton.rodata->wanted = {.ipv4 = flow.ipv4,
                               .flow = flow.flow,
                               .num_flows = flow.num_flows,
                               .port = htons(flow.port)};
    ::bpf_map__set_max_entries(skeleton.maps.sockets, num_queues);
    if (const int error = -redirect_bpf::load(&skeleton); error != 0)
        throw core::UsageError(fmt::format(
            "the kernel does not take the XDP program: {}{}", FirstWarning::why(error),
            error == EPERM ? " (it needs CAP_BPF and CAP_NET_ADMIN: run as root)" : ""));
}

XdpProgram::~XdpProgram() = default;

void XdpProgram::insert(std::uint32_t queue, int socket)
{
    if (::bpf_map__update_elem(parts_->skeleton->maps.sockets, &queue, sizeof(queue), &socket,
                               sizeof(socket), BPF_ANY) != 0)
        core::throw_errno("bpf_map_update_elem", fmt::format("XSKMAP, queue {}", queue));
}

void XdpProgram::attach(const std::string& interface)
{
    const unsigned ifindex = ::if_nametoindex(interface.c_str());
    if (ifindex == 0)
        core::throw_errno("if_nametoindex", interface);
    refuse_second_program(interface, ifindex);
    const int program = ::bpf_program__fd(parts_->skeleton->progs.redirect_flow);
    const auto try_mode = [&](__u32 mode) {
        bpf_link_create_opts options{};
        options.sz = sizeof(options);
        options.flags = mode;
        const int fd = ::bpf_link_create(program, static_cast<int>(ifindex), BPF_XDP, &options);
        parts_->link.reset(fd);
        return fd < 0 ? errno : 0;
    };
    const int in_driver = try_mode(XDP_FLAGS_DRV_MODE);
    if (in_driver == 0) {
        mode_ = "drv";
        return;
    }
    if (in_driver == EBUSY || in_driver == EEXIST)
        refuse_second_program(interface, ifindex); // it came in this moment
    if (const int behind = try_mode(XDP_FLAGS_SKB_MODE); behind != 0) {
        core::throw_error(behind, "bpf_link_create",
                          fmt::format("XDP program on {}: neither drv mode ({}) nor skb mode",
                                      interface, core::errno_text(in_driver)));
    }
    mode_ = fmt::format("skb, because drv mode was refused: {}", core::errno_text(in_driver));
}

XdpProgram::Counts XdpProgram::counts() const noexcept
{
    Counts sum;
    for (const redirect_counts& line : parts_->skeleton->bss->counts) {
        sum.redirected += line.redirected;
        sum.no_socket += line.no_socket;
    }
    return sum;
}

core::Support XdpProgram::probe()
{
    try {
        const XdpProgram program({}, 1);
        return core::Support::available();
    } catch (const std::exception& error) {
        return core::Support::unavailable(error.what());
    }
}

} // namespace pagewire::dataplane
