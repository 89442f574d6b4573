// SPDX-License-Identifier: BSD-3-Clause
// The embedded lab: two anonymous network namespaces joined by a veth pair, the sink a process in
// the far one.
#include "core/error.hpp"
#include "core/socket.hpp"
#include "nic/link.hpp"
#include "testbed/child_process.hpp"
#include "testbed/lab.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

namespace pagewire::testbed {

namespace {

// RFC 2544 and RFC 6815: 198.18.0.0/15 is for benchmarks of network interconnect devices.
const std::uint32_t kNearAddress = htonl(0xC6120001); // 198.18.0.1
const std::uint32_t kFarAddress = htonl(0xC6120002);  // 198.18.0.2
constexpr unsigned kPrefixLength = 30;

class VethLab final : public Lab {
  public:
    explicit VethLab(const Plan& plan)
        : near_(nic::NetNamespace::create_anonymous()),
          far_(nic::NetNamespace::create_anonymous()),
          cpus_(choose_cpus())
    {
        const std::string near_name = "pw-near";
        const std::string far_name = "pw-far";
        nic::create_veth_pair(
            near_, far_,
            {.near_name = near_name,
             .far_name = far_name,
             .mtu = plan.mtu,
             .num_queues =
                 std::max(plan.num_queues, plan.dataplane.queue + plan.dataplane.num_queues)});
        const nic::LinkFacts near = nic::link_facts(near_, near_name);
        const nic::LinkFacts far = nic::link_facts(far_, far_name);
        nic::add_address(near_, near_name, kNearAddress, kPrefixLength);
        nic::add_address(far_, far_name, kFarAddress, kPrefixLength);
        nic::set_link_up(near_, "lo"); // for flush_deferred_skbs()
        nic::set_link_up(near_, near_name);
        nic::set_link_up(far_, far_name);
        nic::add_static_neighbour(near_, near_name, kFarAddress, far.mac);
        nic::add_static_neighbour(far_, far_name, kNearAddress, near.mac);
        num_queues_ = near.num_tx_queues;
        link_ = {.interface = near_name,
                 .mtu = near.mtu,
                 .local = {.ipv4 = kNearAddress, .port = 0, .mac = near.mac},
                 .peer = {.ipv4 = kFarAddress, .port = 0, .mac = far.mac},
                 .peer_interface = far_name,
                 .device = {.ifindex = near.index, .netns = near_.inode()},
                 .peer_device = {.ifindex = far.index, .netns = far_.inode()},
                 .emulated = true};
        guard_.emplace(near_, near_name);
    }

    [[nodiscard]] const LabLink& link() const override { return link_; }

    [[nodiscard]] const nic::NetNamespace& sender_netns() const override { return near_; }

    [[nodiscard]] Channel& sink() override
    {
        if (!sink_) {
            sink_ = std::make_unique<ChildProcess>(
                ChildConfig{.command = "sink", .netns = &far_, .cpu = cpus_.sink});
            ++sink_generation_;
        }
        return sink_->channel();
    }

    std::string sink_lost() override
    {
        const std::string how = sink_ ? sink_->wait_end(std::chrono::seconds(1)) : std::string{};
        sink_.reset();
        return how.empty() ? "ended" : how;
    }

    [[nodiscard]] unsigned sink_generation() const override { return sink_generation_; }

    [[nodiscard]] std::string feature_obstacle(const nic::FeatureSettings&) const override
    {
        return {};
    }

    void apply_features(const nic::FeatureSettings& settings) override { guard_->apply(settings); }

    [[nodiscard]] nic::FeatureTable features() const override
    {
        return nic::read_features(near_, link_.interface);
    }

    [[nodiscard]] std::vector<int> worker_cpus() const override { return cpus_.workers; }

    [[nodiscard]] nlohmann::json describe() const override
    {
        return {{"kind", "veth"},
                {"interface", link_.interface},
                {"driver", "veth"},
                {"emulated", link_.emulated},
                {"mtu", link_.mtu},
                {"queues", num_queues_},
                {"sender", core::format_address(core::SocketAddress{.ipv4 = link_.local.ipv4})},
                {"receiver", core::format_address(core::SocketAddress{.ipv4 = link_.peer.ipv4})},
                {"worker_cpu", cpus_.workers.front()},
                {"sink_cpu", cpus_.sink}};
    }

  private:
    nic::NetNamespace near_;
    nic::NetNamespace far_;
    LabCpus cpus_;
    LabLink link_;
    std::uint32_t num_queues_ = 0;
    std::optional<nic::FeatureGuard> guard_;
    std::unique_ptr<ChildProcess> sink_;
    unsigned sink_generation_ = 0;
};

} // namespace

std::unique_ptr<Lab> open_veth_lab(const Plan& plan)
{
    require_capabilities({"cap_sys_admin", "cap_net_admin", "cap_net_raw"},
                         "the veth lab makes network namespaces and links");
    return std::make_unique<VethLab>(plan);
}

} // namespace pagewire::testbed
