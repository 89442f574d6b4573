// SPDX-License-Identifier: BSD-3-Clause
// A real NIC of this machine, and a `pagewire sink` waiting on another one.
#include "core/error.hpp"
#include "core/socket.hpp"
#include "nic/change_permission.hpp"
#include "nic/device_guard.hpp"
#include "nic/link.hpp"
#include "testbed/lab.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <optional>

namespace pagewire::testbed {

namespace {

constexpr std::chrono::seconds kConnectTime{5};
constexpr std::chrono::seconds kCarrierTime{10};
constexpr int kNeighbourTries = 50;
constexpr useconds_t kNeighbourPauseUs = 20'000;

class HostLab final : public Lab {
  public:
    explicit HostLab(const Plan& plan)
        : netns_(nic::NetNamespace::current()),
          sink_address_(core::parse_address(plan.peer)),
          cpus_(choose_cpus())
    {
        const nic::LinkFacts facts = nic::link_facts(netns_, plan.interface);
        if (plan.allow_nic_changes)
            allow_changes(plan.interface);
        if (!facts.up)
            throw core::UsageError(
                fmt::format("{}: the interface is down: bring it up first", plan.interface));
        const auto own = nic::first_address(netns_, plan.interface);
        if (!own)
            throw core::UsageError(
                fmt::format("{}: the interface has no IPv4 address", plan.interface));
        link_ = {.interface = plan.interface,
                 .mtu = facts.mtu,
                 .local = {.ipv4 = *own, .port = 0, .mac = facts.mac},
                 .peer = {.ipv4 = sink_address_.ipv4, .port = 0, .mac = {}},
                 .peer_interface = {},
                 .device = {.ifindex = facts.index, .netns = netns_.inode()},
                 .peer_device = {},
                 .emulated = !facts.kind.empty()}; // veth, tun, bridge ...: made by software
        connect();
        link_.peer.mac = neighbour(plan.interface);
    }

    [[nodiscard]] const LabLink& link() const override { return link_; }

    [[nodiscard]] const nic::NetNamespace& sender_netns() const override { return netns_; }

    [[nodiscard]] Channel& sink() override
    {
        if (!channel_)
            connect();
        return *channel_;
    }

    std::string sink_lost() override
    {
        channel_.reset();
        return fmt::format("closed its connection ({})", core::format_address(sink_address_));
    }

    [[nodiscard]] unsigned sink_generation() const override { return sink_generation_; }

    [[nodiscard]] std::string feature_obstacle(const nic::FeatureSettings& settings) const override
    {
        const nic::FeatureTable now = guard_ ? guard_->snapshot().features : features();
        for (const auto& [name, on] : settings) {
            const auto it = now.find(name);
            if (it != now.end() && it->second.active == on)
                continue;
            if (!guard_) {
                return fmt::format("needs {0} {1}, and pagewire changes no feature of a host's NIC "
                                   "unless it may: --allow-nic-changes, or ethtool -K {2} {0} {1}",
                                   name, on ? "on" : "off", link_.interface);
            }
            if (it == now.end() || it->second.fixed || !it->second.hw) {
                return fmt::format("needs {} {}, which {} cannot do: ethtool -k {}", name,
                                   on ? "on" : "off", link_.interface, link_.interface);
            }
        }
        return {};
    }

    void apply_features(const nic::FeatureSettings& settings) override
    {
        if (const std::string why = feature_obstacle(settings); !why.empty())
            throw core::TransferError(why);
        if (!guard_)
            return;
        guard_->apply(settings);
        wait_for_carrier();
    }

    [[nodiscard]] nic::FeatureTable features() const override
    {
        return nic::read_features(netns_, link_.interface);
    }

    [[nodiscard]] std::vector<int> worker_cpus() const override { return cpus_.workers; }

    [[nodiscard]] nlohmann::json describe() const override
    {
        return {{"kind", "host"},
                {"interface", link_.interface},
                {"emulated", link_.emulated},
                {"mtu", link_.mtu},
                {"sender", core::format_address(core::SocketAddress{.ipv4 = link_.local.ipv4})},
                {"receiver", core::format_address(sink_address_)},
                {"worker_cpu", cpus_.workers.front()}};
    }

  private:
    void allow_changes(const std::string& interface)
    {
        require_capabilities({"cap_net_admin"}, "--allow-nic-changes changes " + interface);
        if (const std::string why = nic::change_obstacle(netns_, interface); !why.empty())
            throw core::UsageError("--allow-nic-changes: " + why);
        guard_.emplace(netns_, interface, nic::state_folder() / "nic");
        guard_->claim();
    }

    /// Some drivers start the link anew for a change.
    void wait_for_carrier() const
    {
        const auto deadline = std::chrono::steady_clock::now() + kCarrierTime;
        while (!nic::link_facts(netns_, link_.interface).carrier) {
            if (std::chrono::steady_clock::now() > deadline) {
                throw core::TransferError(
                    fmt::format("{}: no carrier since its features were changed", link_.interface));
            }
            ::usleep(kNeighbourPauseUs);
        }
    }

    void connect()
    {
        core::UniqueFd socket = core::open_socket(SOCK_STREAM);
        core::set_socket_timeouts(socket.get(), kConnectTime); // of connect(2) too
        try {
            core::connect_socket(socket.get(), sink_address_.ipv4, sink_address_.port);
        } catch (const core::SystemError& error) {
            throw core::UsageError(
                fmt::format("{}: start the sink there first: pagewire sink --listen {}",
                            error.what(), core::format_address(sink_address_)));
        }
        channel_.emplace(std::move(socket));
        ++sink_generation_;
    }

    /// The control connection has just made the kernel resolve it.
    core::MacAddress neighbour(const std::string& interface) const
    {
        const auto hop = nic::next_hop(netns_, interface, sink_address_.ipv4);
        if (!hop)
            throw core::UsageError(fmt::format("{}: packets to {} leave by another interface",
                                               interface, core::format_address(sink_address_)));
        for (int attempt = 0; attempt < kNeighbourTries; ++attempt) {
            if (const auto mac = nic::find_neighbour(netns_, interface, *hop))
                return *mac;
            ::usleep(kNeighbourPauseUs);
        }
        throw core::UsageError(fmt::format("{}: no hardware address is known for {}", interface,
                                           core::format_address({.ipv4 = *hop})));
    }

    nic::NetNamespace netns_;
    core::SocketAddress sink_address_;
    LabCpus cpus_;
    LabLink link_;
    std::optional<Channel> channel_;
    unsigned sink_generation_ = 0;
    std::optional<nic::DeviceGuard> guard_; // none: nothing may be changed
};

} // namespace

std::unique_ptr<Lab> open_host_lab(const Plan& plan)
{
    return std::make_unique<HostLab>(plan);
}

} // namespace pagewire::testbed
