// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/wire.hpp"

#include "core/error.hpp"
#include "nic/bridge.hpp"
#include "nic/link.hpp"

#include <fmt/format.h>

#include <string>

namespace pagewire::testbed::vm {

Wire::Wire() : netns_(nic::NetNamespace::create_anonymous())
{
    const std::string bridge = "bridge";
    try {
        nic::disable_ipv6(netns_);
        nic::create_bridge(netns_, bridge);
        for (unsigned port = 0; port < kNumPorts; ++port) {
            const std::string name = fmt::format("port{}", port);
            taps_[port] = nic::create_tap(netns_, name);
            // What the guest's ports are set to must pass.
            nic::set_mtu(netns_, name, nic::kTapMtuMax);
            nic::add_bridge_port(netns_, bridge, name);
            nic::set_link_up(netns_, name);
        }
    } catch (const core::SystemError& error) {
        throw core::UsageError(fmt::format("{}: the virtual lab's virtio ports are plugged into "
                                           "taps on a bridge: modprobe tun bridge",
                                           error.what()));
    }
    nic::set_mtu(netns_, bridge, nic::kTapMtuMax);
    nic::set_link_up(netns_, bridge);
}

} // namespace pagewire::testbed::vm
