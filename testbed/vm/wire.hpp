// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"
#include "nic/net_namespace.hpp"

#include <array>

namespace pagewire::testbed::vm {

/// What the guest's two virtio ports are plugged into: two taps on a bridge, in a network namespace
/// that has nothing else. A tap, unlike QEMU's own hub, takes checksums and segmentation over from
/// the guest. All of it goes with the descriptors, `kill -9` included.
class Wire {
  public:
    /// Needs CAP_SYS_ADMIN and CAP_NET_ADMIN. Throws core::UsageError where the kernel has no taps
    /// or bridges.
    Wire();

    [[nodiscard]] const nic::NetNamespace& netns() const noexcept { return netns_; }

    [[nodiscard]] int tap(unsigned port) const { return taps_.at(port).get(); }

    static constexpr unsigned kNumPorts = 2;

  private:
    nic::NetNamespace netns_;
    std::array<core::UniqueFd, kNumPorts> taps_;
};

} // namespace pagewire::testbed::vm
