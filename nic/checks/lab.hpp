// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/checks/rig.hpp"

#include <memory>
#include <string>

/// Where offload checks run.
namespace pagewire::nic {

/// Two interfaces that are connected, the second in a network namespace of its own: packets between
/// two addresses of one namespace never reach a wire.
class CheckLab {
  public:
    CheckLab() = default;
    CheckLab(const CheckLab&) = delete;
    CheckLab& operator=(const CheckLab&) = delete;
    virtual ~CheckLab() = default;

    [[nodiscard]] virtual RigEnd near() = 0;
    [[nodiscard]] virtual RigEnd far() = 0;
};

/// A veth pair between two anonymous namespaces: nothing of the machine is touched, nothing is
/// left.
[[nodiscard]] std::unique_ptr<CheckLab> open_veth_check_lab();

struct HostCheckLab {
    std::string interface;  ///< in the caller's namespace
    std::string peer;       ///< the other end of its cable
    std::string peer_netns; ///< a name of ip-netns(8), or a path
};

/// Two NICs of this machine, cabled to each other. Throws UsageError: no such interface or
/// namespace, both in one namespace, or one that may not be changed.
[[nodiscard]] std::unique_ptr<CheckLab> open_host_check_lab(const HostCheckLab& config);

} // namespace pagewire::nic
