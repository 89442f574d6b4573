// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/block_verifier.hpp"
#include "core/error.hpp"
#include "core/flow_header.hpp"
#include "core/socket.hpp"
#include "testbed/registry.hpp"
#include "tests/nic/veth_fixture.hpp"
#include "tests/support/random_bytes.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

/// What the tests of the AF_XDP receiver share: a veth pair of their own whose addresses must be
/// resolved, a reception in the far namespace, a sender in the near one.
namespace pagewire::tests {

inline core::BlockDigests digests_of(std::span<const std::byte> data)
{
    core::BlockDigests digests{.length = data.size(), .digests = {}};
    for (std::size_t at = 0; at < data.size(); at += core::kBlockBytes)
        digests.digests.push_back(
            core::block_digest(data.subspan(at, std::min(core::kBlockBytes, data.size() - at))));
    return digests;
}

/// A reception of the af_xdp receiver that runs in a thread of its own, inside `netns`.
class RunningReception {
  public:
    RunningReception(const nic::NetNamespace& netns, const core::ReceiveOrder& order,
                     std::span<const std::byte> data)
        : verifier_(digests_of(data))
    {
        const nic::NetNamespace::Visit visit(netns);
        reception_ = testbed::receiver_for(core::Wire::kUdp, "af_xdp").open(order);
        thread_ = std::thread([this] { report_ = reception_->run(&verifier_, stop_); });
    }

    RunningReception(const RunningReception&) = delete;
    RunningReception& operator=(const RunningReception&) = delete;

    ~RunningReception() { (void)stop(); }

    [[nodiscard]] std::uint16_t port() const { return reception_->port(); }

    /// The reception is over when this returns, and its program off the device.
    core::ReceiveReport stop()
    {
        stop_.wanted = true;
        if (thread_.joinable())
            thread_.join();
        reception_.reset();
        return report_;
    }

    /// After stop().
    [[nodiscard]] const core::BlockVerifier& verifier() const { return verifier_; }

  private:
    struct Stop final : core::ReceiveStop {
        std::atomic<bool> wanted{false};

        bool stop_now() override { return wanted.load(); }
    };

    core::BlockVerifier verifier_;
    std::unique_ptr<core::Reception> reception_;
    Stop stop_;
    core::ReceiveReport report_;
    std::thread thread_;
};

/// A sender of the flow by a socket of the kernel's.
class FlowSender {
  public:
    FlowSender(const nic::NetNamespace& netns, std::uint32_t ipv4, std::uint16_t port)
    {
        const nic::NetNamespace::Visit visit(netns);
        socket_ = core::open_socket(SOCK_DGRAM);
        core::set_socket_timeouts(socket_.get(), std::chrono::seconds(2));
        core::connect_socket(socket_.get(), ipv4, port);
    }

    void send(const core::FlowHeader& header, std::span<const std::byte> payload = {})
    {
        std::vector<std::byte> datagram(core::kFlowHeaderBytes + payload.size());
        core::encode_flow_header(header, std::span(datagram).first<core::kFlowHeaderBytes>());
        std::copy(payload.begin(), payload.end(), datagram.begin() + core::kFlowHeaderBytes);
        core::checked(::send(socket_.get(), datagram.data(), datagram.size(), 0), "send");
    }

    /// Says how many there were, and comes back with the receiver's last word.
    [[nodiscard]] std::optional<core::FlowHeader> finish(std::uint32_t flow, std::uint64_t num_sent)
    {
        send({.flow = flow, .kind = core::FlowHeader::Kind::kFinish, .sequence = num_sent});
        std::array<std::byte, 256> answer{};
        const ssize_t got = ::recv(socket_.get(), answer.data(), answer.size(), 0);
        return got < 0 ? std::nullopt
                       : core::decode_flow_header(
                             std::span(answer).first(static_cast<std::size_t>(got)));
    }

  private:
    core::UniqueFd socket_;
};

/// The id of the XDP program on the device; 0 where there is none.
inline std::uint32_t xdp_program_on(const nic::NetNamespace& netns, const std::string& interface)
{
    const nic::NetNamespace::Visit visit(netns);
    std::uint32_t id = 0;
    core::checked(::bpf_xdp_query_id(static_cast<int>(::if_nametoindex(interface.c_str())), 0, &id),
                  "bpf_xdp_query_id", interface);
    return id;
}

/// An XDP program of somebody else's, which passes everything.
inline core::UniqueFd load_another_program(const char* name)
{
    const std::array<bpf_insn, 2> pass_all{
        bpf_insn{
            .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 2},
        bpf_insn{.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
    bpf_prog_load_opts options{};
    options.sz = sizeof(options);
    options.prog_flags = BPF_F_XDP_HAS_FRAGS;
    return core::UniqueFd(core::checked(
        ::bpf_prog_load(BPF_PROG_TYPE_XDP, name, "BSD", pass_all.data(), pass_all.size(), &options),
        "bpf_prog_load", name));
}

constexpr std::uint32_t kTestFlow = 0xABCD0001;

class XskRxLab : public testing::Test {
  protected:
    XskRxLab() { make_link(1500, 1); }

    /// Replaces the link. No neighbour is known: what is sent first must wait for ARP.
    void make_link(std::uint32_t mtu, std::uint32_t num_queues)
    {
        if (linked_)
            nic::delete_link(near_, nic::kNearName);
        nic::create_veth_pair(near_, far_,
                              {.near_name = nic::kNearName,
                               .far_name = nic::kFarName,
                               .mtu = mtu,
                               .num_queues = num_queues});
        linked_ = true;
        mtu_ = mtu;
        nic::add_address(near_, nic::kNearName, nic::kNearIp, nic::kPrefixLength);
        nic::add_address(far_, nic::kFarName, nic::kFarIp, nic::kPrefixLength);
        nic::set_link_up(near_, nic::kNearName);
        nic::set_link_up(far_, nic::kFarName);
    }

    [[nodiscard]] core::ReceiveOrder order(std::uint64_t length) const
    {
        return {.ipv4 = nic::kFarIp,
                .port = 0,
                .length = length,
                .flow = kTestFlow,
                .mtu = mtu_,
                .interface = nic::kFarName};
    }

    [[nodiscard]] static core::FlowHeader data_header(std::uint64_t sequence, std::uint64_t offset,
                                                      std::size_t bytes)
    {
        return {.flow = kTestFlow,
                .length = static_cast<std::uint16_t>(bytes),
                .kind = core::FlowHeader::Kind::kData,
                .sequence = sequence,
                .offset = offset};
    }

    nic::NetNamespace near_ = nic::NetNamespace::create_anonymous();
    nic::NetNamespace far_ = nic::NetNamespace::create_anonymous();
    std::uint32_t mtu_ = 0;

  private:
    bool linked_ = false;
};

} // namespace pagewire::tests
