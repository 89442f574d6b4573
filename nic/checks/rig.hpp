// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/checks/packet.hpp"
#include "nic/checks/skb_watch.hpp"
#include "nic/device_guard.hpp"
#include "nic/features.hpp"
#include "nic/link.hpp"
#include "nic/net_namespace.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The two ends of the link that offloads are checked on.
namespace pagewire::nic {

/// One end: an interface in a namespace, and what guards its state.
struct RigEnd {
    const NetNamespace* netns = nullptr;
    std::string interface;
    DeviceGuard* guard = nullptr;
};

/// The ends, with addresses of the check's own while it lives: 198.18.0.0/15 (RFC 2544, appendix
/// C.2.2) and 2001:2::/48 (RFC 5180 §8), which no network routes.
class Rig {
  public:
    struct End {
        const NetNamespace& netns;
        std::string interface;
        DeviceGuard& guard;
        LinkFacts facts;        ///< as found
        std::uint32_t ipv4 = 0; ///< network byte order
        std::array<std::uint8_t, 16> ipv6{};
        std::string driver = {}; ///< empty: unknown

        /// Made by software (veth, tun, bridge ...), or by a hypervisor that hands frames over as
        /// they are (virtio_net, Xen's vif). What such a device leaves undone need not be wrong: no
        /// wire follows.
        [[nodiscard]] bool is_virtual() const
        {
            return !facts.kind.empty() || driver == "virtio_net" || driver == "vif";
        }
    };

    /// Adds the addresses and sends from `near` to `far` until something arrives. The ends and
    /// `interrupted` outlive the rig. Throws UsageError where an interface is down or nothing
    /// arrives: with what to do.
    Rig(const RigEnd& near, const RigEnd& far, const std::atomic<bool>& interrupted,
        SkbWatch* skb_watch = nullptr);
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;
    ~Rig() = default; // the guards put everything back

    /// The device under check sends; its peer receives. (Receive offloads are the peer's.)
    End near;
    End far;
    bool has_ipv6 = true; ///< false: this kernel has it not, or the MTU is below its 1280
    SkbWatch* skb_watch;  ///< null: not here

    /// Brings both ends back to what they were found as, the rig's own addresses kept, and settles.
    /// Between checks.
    void restore();

    /// Those that packets can be sent by: IPv4, and IPv6 where it is.
    [[nodiscard]] std::span<const IpVersion> versions() const noexcept;

    /// Sets features of an end, as its guard does; where that takes the link down, waits until it
    /// is back. Throws as the guard and settle() do.
    void apply(End& end, const FeatureSettings& settings);

    /// Waits for both carriers and until what is sent arrives: after a change that takes the link
    /// down for a moment. Throws as the constructor does.
    void settle() const;

    /// Throws UsageError("interrupted") once the user has asked for the end.
    void refuse_interruption() const;

    [[nodiscard]] const std::atomic<bool>& interruption() const noexcept { return interrupted_; }

  private:
    void add_addresses();
    void await_answer() const;
    void await_packet(IpVersion version) const;

    const std::atomic<bool>& interrupted_;
};

/// A feature of an end that can be turned on and off: what it is for a check to try.
struct Switch {
    std::vector<std::string> names; ///< ethtool's, those of this device
    std::string obstacle;           ///< why there are not two states; empty: there are
    bool active = false;            ///< as found: the only state where there is an obstacle

    /// Those that can be tried: on and off, or the one that the driver has fixed.
    [[nodiscard]] std::vector<bool> states() const
    {
        return obstacle.empty() ? std::vector{true, false} : std::vector{active};
    }
};

/// The part of `names` that the device has and can change. Where none is left, `obstacle` says so
/// in ethtool's names.
[[nodiscard]] Switch find_switch(const Rig::End& end, std::span<const std::string_view> names);
[[nodiscard]] Switch find_switch(const Rig::End& end, std::string_view name);

/// The settings of `names`, all in one state.
[[nodiscard]] FeatureSettings all_of(const std::vector<std::string>& names, bool on);

/// Turns off what of `names` is on and can be: segmentation, merging, whatever would hide what a
/// check looks at. Added to `settings`, those in it left alone.
void keep_off(const Rig::End& end, std::span<const std::string_view> names,
              FeatureSettings& settings);

/// What merges received frames before the tap sees them.
inline constexpr std::array<std::string_view, 5> kMergingFeatures{
    "rx-gro", "rx-lro", "rx-gro-hw", "rx-gro-list", "rx-udp-gro-forwarding"};

/// What makes the sender's tap see frames longer than the MTU.
inline constexpr std::array<std::string_view, 7> kSegmentingFeatures{"tx-tcp-segmentation",
                                                                     "tx-tcp6-segmentation",
                                                                     "tx-tcp-ecn-segmentation",
                                                                     "tx-tcp-mangleid-segmentation",
                                                                     "tx-generic-segmentation",
                                                                     "tx-udp-segmentation",
                                                                     "tx-gso-list"};

} // namespace pagewire::nic
