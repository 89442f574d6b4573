// SPDX-License-Identifier: BSD-3-Clause
#include "nic/checks/lab.hpp"

#include "core/error.hpp"
#include "nic/change_permission.hpp"
#include "nic/link.hpp"
#include "nic/state_folder.hpp"
#include "nic/state_journal.hpp"

#include <fmt/format.h>

namespace pagewire::nic {

namespace {

constexpr const char* kNearName = "check0";
constexpr const char* kFarName = "check1";
constexpr std::uint32_t kNumQueues = 4; // for flows to spread over

class VethCheckLab final : public CheckLab {
  public:
    VethCheckLab()
    {
        create_veth_pair(near_, far_,
                         {.near_name = kNearName, .far_name = kFarName, .num_queues = kNumQueues});
        set_link_up(near_, kNearName);
        set_link_up(far_, kFarName);
        near_guard_ = std::make_unique<DeviceGuard>(near_, kNearName);
        far_guard_ = std::make_unique<DeviceGuard>(far_, kFarName);
    }

    [[nodiscard]] RigEnd near() override
    {
        return {.netns = &near_, .interface = kNearName, .guard = near_guard_.get()};
    }

    [[nodiscard]] RigEnd far() override
    {
        return {.netns = &far_, .interface = kFarName, .guard = far_guard_.get()};
    }

  private:
    NetNamespace near_ = NetNamespace::create_anonymous();
    NetNamespace far_ = NetNamespace::create_anonymous();
    std::unique_ptr<DeviceGuard> near_guard_;
    std::unique_ptr<DeviceGuard> far_guard_;
};

class HostLab final : public CheckLab {
  public:
    explicit HostLab(const HostCheckLab& config)
        : interface_(config.interface),
          peer_(config.peer),
          far_(NetNamespace::open(config.peer_netns))
    {
        if (near_.inode() == far_.inode())
            throw core::UsageError(fmt::format(
                "{0} and {1} are in one network namespace, where packets between their addresses "
                "never reach a wire: ip netns add peer; ip link set {1} netns peer; ip -n peer "
                "link set {1} up; then --peer-netns peer",
                interface_, peer_));
        for (const NetNamespace* netns : {&near_, &far_})
            restore_leftovers(*netns);
        near_guard_ = guard(near_, interface_);
        far_guard_ = guard(far_, peer_);
    }

    [[nodiscard]] RigEnd near() override
    {
        return {.netns = &near_, .interface = interface_, .guard = near_guard_.get()};
    }

    [[nodiscard]] RigEnd far() override
    {
        return {.netns = &far_, .interface = peer_, .guard = far_guard_.get()};
    }

  private:
    /// Journalled, since these devices outlive this process.
    static std::unique_ptr<DeviceGuard> guard(const NetNamespace& netns,
                                              const std::string& interface)
    {
        if (const std::string why = change_obstacle(netns, interface); !why.empty())
            throw core::UsageError(why);
        auto made = std::make_unique<DeviceGuard>(netns, interface, state_folder() / "nic");
        made->claim();
        return made;
    }

    static void restore_leftovers(const NetNamespace& netns)
    {
        for (const auto& [outcome, line] : restore_nic_states(netns)) {
            if (outcome == NicRestoration::Outcome::kFailed)
                throw core::UsageError(line);
        }
    }

    std::string interface_;
    std::string peer_;
    NetNamespace near_ = NetNamespace::current();
    NetNamespace far_;
    std::unique_ptr<DeviceGuard> near_guard_;
    std::unique_ptr<DeviceGuard> far_guard_;
};

} // namespace

std::unique_ptr<CheckLab> open_veth_check_lab()
{
    return std::make_unique<VethCheckLab>();
}

std::unique_ptr<CheckLab> open_host_check_lab(const HostCheckLab& config)
{
    return std::make_unique<HostLab>(config);
}

} // namespace pagewire::nic
