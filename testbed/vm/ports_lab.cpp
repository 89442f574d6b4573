// SPDX-License-Identifier: BSD-3-Clause
// The vm lab as a run inside the guest sees it: two ports of the guest, joined by a wire outside of
// it, each in a network namespace of its own; the sink a process in the far one.
#include "core/error.hpp"
#include "core/socket.hpp"
#include "nic/features.hpp"
#include "nic/link.hpp"
#include "nic/rings.hpp"
#include "nic/xdp_device.hpp"
#include "testbed/child_process.hpp"
#include "testbed/lab.hpp"
#include "testbed/vm/lab.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <optional>

namespace pagewire::testbed {

namespace {

// RFC 2544: 198.18.0.0/15 is for benchmarks of network interconnect devices.
const std::uint32_t kNearAddress = htonl(0xC6120001); // 198.18.0.1
const std::uint32_t kFarAddress = htonl(0xC6120002);  // 198.18.0.2
constexpr unsigned kPrefixLength = 30;

/// A driver brings its link up in seconds, which are longer here.
constexpr std::chrono::seconds kCarrierTime{60};
/// After a run: namespaces end in the background.
constexpr std::chrono::seconds kHomeTime{10};
constexpr useconds_t kPauseUs = 20'000;

/// From the guest's first namespace, to where a port comes back a moment after its last namespace
/// is gone.
void take_port(const std::string& name, const nic::NetNamespace& target)
{
    const nic::NetNamespace home = nic::NetNamespace::current();
    const auto deadline = std::chrono::steady_clock::now() + kHomeTime;
    for (;;) {
        try {
            nic::move_link(home, name, target);
            return;
        } catch (const std::exception&) {
            if (std::chrono::steady_clock::now() > deadline)
                throw;
            ::usleep(kPauseUs);
        }
    }
}

/// As long as it goes: a whole window of an engine's packets may arrive before the guest's other
/// CPU looks.
void lengthen_rx_ring(const nic::NetNamespace& netns, const std::string& interface)
{
    const auto rings = nic::read_rings(netns, interface);
    if (!rings)
        return;
    if (const auto rx = rings->find("rx");
        rx != rings->end() && rx->second.max && rx->second.current != rx->second.max)
        nic::set_rings(netns, interface, {{"rx", *rx->second.max}});
}

class PortsLab final : public Lab {
  public:
    explicit PortsLab(const Plan& plan)
        : near_(nic::NetNamespace::create_anonymous()),
          far_(nic::NetNamespace::create_anonymous()),
          cpus_(choose_cpus())
    {
        const std::string near_name = plan.interface.empty() ? vm::kDefaultPort : plan.interface;
        const std::string far_name = vm::partner_of(near_name);
        take_port(near_name, near_);
        take_port(far_name, far_);
        lengthen_rx_ring(far_, far_name);
        bring_up(near_, near_name, plan.mtu, kNearAddress);
        bring_up(far_, far_name, plan.mtu, kFarAddress);
        nic::set_link_up(near_, "lo"); // for flush_deferred_skbs()
        wait_for_carrier(near_, near_name);
        wait_for_carrier(far_, far_name);
        const nic::LinkFacts near = nic::link_facts(near_, near_name);
        const nic::LinkFacts far = nic::link_facts(far_, far_name);
        nic::add_static_neighbour(near_, near_name, kFarAddress, far.mac);
        nic::add_static_neighbour(far_, far_name, kNearAddress, near.mac);
        link_ = {.interface = near_name,
                 .mtu = near.mtu,
                 .local = {.ipv4 = kNearAddress, .port = 0, .mac = near.mac},
                 .peer = {.ipv4 = kFarAddress, .port = 0, .mac = far.mac},
                 .peer_interface = far_name,
                 .device = {.ifindex = near.index, .netns = near_.inode()},
                 .peer_device = {},
                 .emulated = true,
                 .virtual_hardware = true};
        driver_ = nic::probe_xdp_device(near_, near_name).driver;
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

    [[nodiscard]] std::string feature_obstacle(const nic::FeatureSettings& settings) const override
    {
        const nic::FeatureTable now = guard_->snapshot();
        for (const auto& [name, on] : settings) {
            const auto it = now.find(name);
            if (it != now.end() && it->second.active == on)
                continue;
            if (it == now.end() || it->second.fixed || !it->second.hw)
                return fmt::format("needs {} {}, which {} cannot do", name, on ? "on" : "off",
                                   link_.interface);
        }
        return {};
    }

    void apply_features(const nic::FeatureSettings& settings) override
    {
        guard_->apply(settings);
        wait_for_carrier(near_, link_.interface); // some drivers start the link anew
    }

    [[nodiscard]] nic::FeatureTable features() const override
    {
        return nic::read_features(near_, link_.interface);
    }

    [[nodiscard]] std::vector<int> worker_cpus() const override { return cpus_.workers; }

    [[nodiscard]] nlohmann::json describe() const override
    {
        return {{"kind", "vm"},
                {"interface", link_.interface},
                {"driver", driver_},
                {"emulated", link_.emulated},
                {"virtual_hardware", link_.virtual_hardware},
                {"mtu", link_.mtu},
                {"sender", core::format_address(core::SocketAddress{.ipv4 = link_.local.ipv4})},
                {"receiver", core::format_address(core::SocketAddress{.ipv4 = link_.peer.ipv4})},
                {"worker_cpu", cpus_.workers.front()},
                {"sink_cpu", cpus_.sink}};
    }

  private:
    static void bring_up(const nic::NetNamespace& netns, const std::string& interface,
                         std::uint32_t mtu, std::uint32_t address)
    {
        try {
            nic::set_mtu(netns, interface, mtu);
        } catch (const core::SystemError& error) {
            throw core::UsageError(fmt::format("{}: choose another one (--mtu)", error.what()));
        }
        nic::add_address(netns, interface, address, kPrefixLength);
        nic::set_link_up(netns, interface);
    }

    static void wait_for_carrier(const nic::NetNamespace& netns, const std::string& interface)
    {
        const auto deadline = std::chrono::steady_clock::now() + kCarrierTime;
        while (!nic::link_facts(netns, interface).carrier) {
            if (std::chrono::steady_clock::now() > deadline)
                throw core::TransferError(fmt::format("{}: no carrier", interface));
            ::usleep(kPauseUs);
        }
    }

    nic::NetNamespace near_;
    nic::NetNamespace far_;
    LabCpus cpus_;
    LabLink link_;
    std::string driver_;
    std::optional<nic::FeatureGuard> guard_;
    std::unique_ptr<ChildProcess> sink_;
    unsigned sink_generation_ = 0;
};

} // namespace

std::unique_ptr<Lab> open_vm_lab(const Plan& plan)
{
    if (!vm::is_inside())
        throw core::UsageError("the vm lab's ports are its guest's: pagewire run --lab vm");
    return std::make_unique<PortsLab>(plan);
}

} // namespace pagewire::testbed
