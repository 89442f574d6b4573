// SPDX-License-Identifier: BSD-3-Clause
// Receive-side scaling (Documentation/networking/scaling.rst): flows spread over receive queues.
//
// Stimulus: datagrams of many flows. Observation: the NAPI instance that each came by
// (SO_INCOMING_NAPI_ID), of which a queue has one.
#include "core/error.hpp"
#include "nic/checks/capture.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/rig.hpp"
#include "nic/xdp_device.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>

namespace pagewire::nic {

namespace {

constexpr int kNumFlows = 64;
#ifndef SO_INCOMING_NAPI_ID
#define SO_INCOMING_NAPI_ID 56
#endif

unsigned napi_of(int socket)
{
    unsigned id = 0;
    socklen_t length = sizeof(id);
    core::checked(::getsockopt(socket, SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &length), "getsockopt",
                  "SO_INCOMING_NAPI_ID");
    return id;
}

/// How many flows came by each instance; 0: the driver told none.
std::map<unsigned, int> spread(const Rig& rig, Judgement& judgement)
{
    std::map<unsigned, int> flows;
    std::array<std::byte, 64> octets{};
    fill_pattern(octets, 0);
    for (int i = 0; i < kNumFlows; ++i) {
        rig.refuse_interruption();
        UdpPair pair(rig, IpVersion::k4);
        if (const int error = pair.send(octets); error != 0)
            core::throw_error(error, "send", rig.near.interface);
        if (!pair.receive(kArrival))
            judgement.fail(fmt::format("a datagram of flow {} did not arrive", i));
        ++flows[napi_of(pair.far())];
    }
    return flows;
}

Finding run(Rig& rig)
{
    const std::uint32_t num_queues =
        probe_xdp_device(rig.far.netns, rig.far.interface).num_rx_queues;
    if (num_queues < 2)
        return Judgement::skip(
            fmt::format("{}: one receive queue, nothing to spread", rig.far.interface));
    Judgement judgement;
    // veth has a NAPI instance with GRO only, and takes it only for what GRO could do good
    // (drivers/net/veth.c, veth_skb_is_eligible_for_gro).
    rig.apply(rig.far, all_of(find_switch(rig.far, "rx-gro").names, true));
    FeatureSettings sender;
    keep_off(rig.near, kSegmentingFeatures, sender);
    rig.apply(rig.near, sender);
    const std::map<unsigned, int> flows = spread(rig, judgement);
    if (flows.size() == 1 && flows.begin()->first == 0)
        return Judgement::skip(
            fmt::format("{}: the driver tells no NAPI instance", rig.far.interface));
    std::vector<int> counts;
    counts.reserve(flows.size());
    for (const auto& [napi_id, count] : flows)
        counts.push_back(count);
    std::sort(counts.rbegin(), counts.rend());
    judgement.observe("on",
                      fmt::format("{} flows over {} receive queues: {} of them used, flows on "
                                  "each: {}",
                                  kNumFlows, num_queues, flows.size(), fmt::join(counts, ", ")));
    if (flows.size() < 2)
        judgement.not_in_effect(fmt::format("{} queues, and every flow comes by one", num_queues));
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_rss{
    .name = "rss", .summary = "flows spread over the receive queues", .run = run};

} // namespace pagewire::nic
