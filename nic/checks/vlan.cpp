// SPDX-License-Identifier: BSD-3-Clause
// VLAN tags (IEEE 802.1Q) inserted and taken out by the device.
//
// Stimulus: TCP over VLAN interfaces on both ends. At the sender's tap a tag beside the frame is
// the device's to insert, one inside of it was the kernel's work. On receive the kernel takes out
// what the device has left, before any tap: who did it cannot be told apart, that it is right can.
#include "core/error.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/rig.hpp"
#include "nic/vlan_link.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <optional>

namespace pagewire::nic {

namespace {

constexpr std::uint16_t kVlanId = 100;
constexpr const char* kVlanName = "check-vlan";
constexpr std::uint64_t kStreamBytes = std::uint64_t{1} << 20U;

/// A VLAN interface of an end, in a namespace of its own: the kernel removes it with that, whatever
/// becomes of this process.
class VlanEnd {
  public:
    explicit VlanEnd(const Rig::End& parent)
    {
        create_vlan(parent.netns, parent.interface, kVlanId, netns_, kVlanName);
        set_link_up(netns_, kVlanName);
        guard_.emplace(netns_, kVlanName);
    }

    [[nodiscard]] RigEnd end()
    {
        return {.netns = &netns_, .interface = kVlanName, .guard = &*guard_};
    }

  private:
    NetNamespace netns_ = NetNamespace::create_anonymous();
    std::optional<DeviceGuard> guard_;
};

struct Tags {
    std::size_t num_beside = 0; ///< for the device to insert, or taken out
    std::size_t num_inside = 0;
    std::size_t num_without = 0;
};

Tags count_tags(const std::vector<CapturedPacket>& packets, const std::string& what,
                Judgement& judgement)
{
    Tags tags;
    for (const CapturedPacket& one : packets) {
        const bool beside = one.frame.vlan_id == kVlanId && one.packet.vlan_ids.empty();
        const bool inside = !one.frame.vlan_id && one.packet.vlan_ids.size() == 1 &&
                            one.packet.vlan_ids.front() == kVlanId;
        tags.num_beside += beside ? 1 : 0;
        tags.num_inside += inside ? 1 : 0;
        if (beside || inside)
            continue;
        ++tags.num_without;
        judgement.fail(
            fmt::format("{}: a frame without the tag of VLAN {}, or with another", what, kVlanId),
            one.frame.octets);
    }
    return tags;
}

Tags try_state(const Rig& rig, const Rig& vlan, const std::string& arm, Judgement& judgement)
{
    Capture near(rig.near.netns, rig.near.interface);
    Capture far(rig.far.netns, rig.far.interface);
    TcpPair pair(vlan, IpVersion::k4);
    const StreamReport report = send_stream(pair, kStreamBytes);
    const Tags given = count_tags(near.take(packets_of(IPPROTO_TCP, pair.port(), true), kQuiet),
                                  arm + ", sent", judgement);
    const Tags arrived = count_tags(far.take(packets_of(IPPROTO_TCP, pair.port(), false), kQuiet),
                                    arm + ", received", judgement);
    if (!report.is_whole())
        judgement.fail(fmt::format("{}: {}", arm, describe(report)));
    judgement.observe(
        arm, fmt::format("{} frames with the tag left to the device, {} with it inside; at the "
                         "peer {} with the tag taken out, {} with it inside; {}",
                         given.num_beside, given.num_inside, arrived.num_beside, arrived.num_inside,
                         describe(report)));
    return given;
}

void try_arms(Rig& rig, VlanEnd& near, VlanEnd& far, Judgement& judgement)
{
    const Switch insert = find_switch(rig.near, "tx-vlan-hw-insert");
    const Switch parse = find_switch(rig.far, "rx-vlan-hw-parse");
    for (const bool on : {true, false}) {
        if (!on && !insert.obstacle.empty() && !parse.obstacle.empty())
            break;
        const std::string arm = on ? "on" : "off";
        rig.apply(rig.near, all_of(insert.names, on));
        FeatureSettings receiver = all_of(parse.names, on);
        keep_off(rig.far, kMergingFeatures, receiver);
        rig.apply(rig.far, receiver);
        Tags given;
        try {
            const Rig vlan(near.end(), far.end(), rig.interruption());
            given = try_state(rig, vlan, arm, judgement);
        } catch (const core::UsageError&) {
            rig.refuse_interruption();
            judgement.fail(fmt::format("{}: nothing arrives over a VLAN", arm));
            continue;
        }
        if (insert.names.empty())
            continue;
        if (on && given.num_beside == 0)
            judgement.not_in_effect("tx-vlan-hw-insert is on, yet the kernel inserts the tags");
        if (!on && given.num_beside > 0)
            judgement.fail("tx-vlan-hw-insert is off, yet tags are left to the device");
    }
    for (const Switch* one : {&insert, &parse})
        if (!one->obstacle.empty())
            judgement.note(one->obstacle);
    judgement.note("who takes a tag out cannot be seen: the kernel does it before the tap");
}

Finding run(Rig& rig)
{
    Judgement judgement;
    try {
        VlanEnd near(rig.near);
        VlanEnd far(rig.far);
        try_arms(rig, near, far, judgement);
    } catch (const core::SystemError& error) {
        if (error.code().value() != EOPNOTSUPP)
            throw;
        return Judgement::skip("this kernel has no VLAN interfaces (CONFIG_VLAN_8021Q)");
    }
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_vlan{.name = "vlan",
                              .summary =
                                  "VLAN tags inserted and taken out: the same tag, the same stream",
                              .run = run};

} // namespace pagewire::nic
