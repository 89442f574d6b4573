// SPDX-License-Identifier: BSD-3-Clause
#include "nic/checks/rig.hpp"

#include "core/error.hpp"
#include "nic/checks/capture.hpp"
#include "nic/checks/flow.hpp"
#include "nic/xdp_device.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

namespace pagewire::nic {

namespace {

constexpr unsigned kIpv4PrefixLength = 30;
constexpr unsigned kIpv6PrefixLength = 64;
constexpr std::uint32_t kIpv6MtuMin = 1280; // RFC 8200 §5
constexpr std::chrono::milliseconds kPause{100};
constexpr int kCarrierTries = 100; // autonegotiation takes seconds
constexpr int kSeenTries = 10;
constexpr int kAnswerTries = 30;
constexpr std::chrono::milliseconds kAnswerPause{20};

std::uint32_t ipv4_of(std::uint8_t last)
{
    constexpr std::uint32_t network = 0xc6120000; // 198.18.0.0
    return htonl(network | last);
}

std::array<std::uint8_t, 16> ipv6_of(std::uint8_t last)
{
    return {0x20, 0x01, 0x00, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last}; // 2001:2::/48
}

Rig::End make_end(const RigEnd& end, std::uint8_t last)
{
    Rig::End made{.netns = *end.netns,
                  .interface = end.interface,
                  .guard = *end.guard,
                  .facts = link_facts(*end.netns, end.interface),
                  .ipv4 = ipv4_of(last),
                  .ipv6 = ipv6_of(last),
                  .driver = probe_xdp_device(*end.netns, end.interface).driver};
    if (!made.facts.up)
        throw core::UsageError(fmt::format("{0} is down: ip link set {0} up", end.interface));
    return made;
}

void await_carrier(const Rig::End& end)
{
    for (int attempt = 0; attempt < kCarrierTries; ++attempt) {
        if (link_facts(end.netns, end.interface).carrier)
            return;
        std::this_thread::sleep_for(kPause);
    }
    throw core::UsageError(fmt::format("{} has no carrier: is the cable in?", end.interface));
}

} // namespace

Rig::Rig(const RigEnd& near_end, const RigEnd& far_end, const std::atomic<bool>& interrupted,
         SkbWatch* watch)
    : near(make_end(near_end, 1)),
      far(make_end(far_end, 2)),
      skb_watch(watch),
      interrupted_(interrupted)
{
    has_ipv6 = std::min(near.facts.mtu, far.facts.mtu) >= kIpv6MtuMin &&
               ::access("/proc/net/if_inet6", F_OK) == 0;
    add_addresses();
    settle();
}

std::span<const IpVersion> Rig::versions() const noexcept
{
    static constexpr std::array all{IpVersion::k4, IpVersion::k6};
    return std::span(all).first(has_ipv6 ? 2 : 1);
}

void Rig::settle() const
{
    for (const End* end : {&near, &far})
        await_carrier(*end);
    await_answer();
}

void Rig::add_addresses()
{
    for (End* end : {&near, &far}) {
        end->guard.add_address(end->ipv4, kIpv4PrefixLength);
        if (has_ipv6)
            end->guard.add_address(end->ipv6, kIpv6PrefixLength);
    }
}

void Rig::await_answer() const
{
    for (const IpVersion version : versions())
        await_packet(version);
}

/// What counts is the packet at the tap: that it gets no further may be its checksum, a check's
/// affair, and is believed after some tries. Before that it may be the kernel, which inserts the
/// route of a new IPv6 address when it finds the time (net/ipv6/addrconf.c, addrconf_dad_work).
/// When a packet has come, the neighbour is known: what a check sends at once does not overflow the
/// queue of those that wait for its address.
void Rig::await_packet(IpVersion version) const
{
    std::array<std::byte, 64> probe{};
    fill_pattern(probe, 0);
    int num_seen = 0;
    for (int attempt = 0; attempt < kAnswerTries; ++attempt) {
        refuse_interruption();
        Capture tap(far.netns, far.interface);
        UdpPair pair(*this, version);
        (void)pair.send(probe);
        if (pair.receive(kAnswerPause))
            return;
        if (!tap.take(packets_of(IPPROTO_UDP, pair.port(), false), kAnswerPause).empty() &&
            ++num_seen == kSeenTries)
            return;
        std::this_thread::sleep_for(attempt == 0 ? kAnswerPause : kPause);
    }
    throw core::UsageError(fmt::format(
        "{} does not answer: nothing sent over IPv{} from {} arrives there: are the two connected?",
        far.interface, static_cast<int>(version), near.interface));
}

void Rig::apply(End& end, const FeatureSettings& settings)
{
    end.guard.apply(settings);
    for (const End* one : {&near, &far}) {
        if (!link_facts(one->netns, one->interface).carrier) {
            settle();
            return;
        }
    }
}

void Rig::restore()
{
    near.guard.restore();
    far.guard.restore();
    add_addresses();
    settle();
}

void Rig::refuse_interruption() const
{
    if (interrupted_.load())
        throw core::UsageError("interrupted");
}

Switch find_switch(const Rig::End& end, std::span<const std::string_view> names)
{
    Switch found;
    const FeatureTable table = read_features(end.netns, end.interface);
    bool any_active = false;
    std::vector<std::string_view> known;
    for (const std::string_view name : names) {
        const auto feature = table.find(std::string(name));
        if (feature == table.end())
            continue; // an older kernel's
        known.push_back(name);
        any_active = any_active || feature->second.active;
        if (feature->second.hw && !feature->second.fixed)
            found.names.push_back(feature->first);
    }
    found.active = any_active;
    if (!found.names.empty()) {
        found.active = std::any_of(found.names.begin(), found.names.end(),
                                   [&](const auto& name) { return table.at(name).active; });
    } else if (known.empty()) {
        found.obstacle = fmt::format("this kernel knows no feature {}", fmt::join(names, " or "));
    } else {
        found.obstacle = fmt::format("{}: the driver has {} fixed, {}", end.interface,
                                     fmt::join(known, " and "), any_active ? "on" : "off");
    }
    return found;
}

Switch find_switch(const Rig::End& end, std::string_view name)
{
    return find_switch(end, std::span(&name, 1));
}

FeatureSettings all_of(const std::vector<std::string>& names, bool on)
{
    FeatureSettings settings;
    for (const std::string& name : names)
        settings.emplace(name, on);
    return settings;
}

void keep_off(const Rig::End& end, std::span<const std::string_view> names,
              FeatureSettings& settings)
{
    for (const std::string& name : find_switch(end, names).names)
        settings.emplace(name, false);
}

} // namespace pagewire::nic
