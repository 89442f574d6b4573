// SPDX-License-Identifier: BSD-3-Clause

/// Links, addresses, neighbours and routes against the real kernel, on veth pairs. Needs root, and
/// fails without.

#include "core/error.hpp"
#include "core/unique_fd.hpp"
#include "nic/link.hpp"
#include "nic/net_namespace.hpp"
#include "tests/nic/veth_fixture.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace pagewire::nic {
namespace {

using testing::HasSubstr;

/// Frames that an interface has sent: /proc/net/dev, tenth figure.
std::uint64_t frames_sent(const NetNamespace& netns, const std::string& interface)
{
    const NetNamespace::Visit visit(netns);
    std::ifstream table("/proc/thread-self/net/dev");
    std::string word;
    while (table >> word && word != interface + ":")
        ;
    std::uint64_t value = 0;
    for (int column = 0; column < 10; ++column)
        table >> value;
    if (!table)
        throw std::runtime_error("no counters of " + interface);
    return value;
}

using LinkTest = VethTest;

TEST_F(LinkTest, BothEndsAreAsAskedFor)
{
    for (const auto& [netns, name] : {std::pair(&near_, kNearName), std::pair(&far_, kFarName)}) {
        const LinkFacts facts = link_facts(*netns, name);
        EXPECT_GT(facts.index, 0U);
        EXPECT_EQ(facts.mtu, 9000U);
        EXPECT_EQ(facts.num_tx_queues, 3U);
        EXPECT_EQ(facts.num_rx_queues, 3U);
        EXPECT_FALSE(facts.up);
        EXPECT_EQ(facts.kind, "veth");
        EXPECT_NE(facts.mac, core::MacAddress{});
    }
    EXPECT_NE(link_facts(near_, kNearName).mac, link_facts(far_, kFarName).mac);
    EXPECT_THROW((void)link_facts(near_, kFarName), core::UsageError) << "the far end is far";
    EXPECT_EQ(link_facts(near_, "lo").kind, "");
}

TEST_F(LinkTest, GoesUpAndAwayWithItsPeer)
{
    set_link_up(near_, kNearName);
    EXPECT_TRUE(link_facts(near_, kNearName).up);
    EXPECT_FALSE(link_facts(far_, kFarName).up);

    delete_link(near_, kNearName);
    EXPECT_THROW((void)link_facts(near_, kNearName), core::UsageError);
    EXPECT_THROW((void)link_facts(far_, kFarName), core::UsageError);
}

TEST_F(LinkTest, SendsNothingOfItsOwn)
{
    // 1200: below the least MTU of IPv6, where the kernel has nothing to switch off.
    create_veth_pair(near_, far_, {.near_name = "small0", .far_name = "small1", .mtu = 1200});
    connect();
    set_link_up(near_, "small0");
    set_link_up(far_, "small1");
    // Address generation left on shows within a second: reports, duplicate address detection.
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    EXPECT_EQ(frames_sent(near_, kNearName), 0U);
    EXPECT_EQ(frames_sent(far_, kFarName), 0U);
    EXPECT_EQ(frames_sent(near_, "small0"), 0U);
    EXPECT_EQ(frames_sent(far_, "small1"), 0U);
}

TEST_F(LinkTest, RefusedPairsNameTheirFault)
{
    const auto create = [&](const VethPairConfig& config) {
        return [&, config] { create_veth_pair(near_, far_, config); };
    };
    EXPECT_THAT(thrown_by<core::UsageError>(
                    create({.near_name = "a", .far_name = "b", .mtu = kMtuMin - 1})),
                HasSubstr("MTU 575 of veth pair a/b: choose one of 576 to 65535"));
    EXPECT_THAT(
        thrown_by<core::UsageError>(create({.near_name = "a-name-too-long-", .far_name = "b"})),
        HasSubstr("\"a-name-too-long-\""));
    EXPECT_THAT(thrown_by<core::SystemError>(create({.near_name = kNearName, .far_name = "b"})),
                HasSubstr("create veth pair pwnear/b: File exists"));
    // The kernel's own words come with its errno.
    EXPECT_THAT(
        thrown_by<core::SystemError>(create({.near_name = "a", .far_name = "b", .num_queues = 0})),
        testing::AllOf(HasSubstr("(kernel: "), HasSubstr("transmit queues"),
                       HasSubstr("Invalid argument")));
    EXPECT_THROW((void)link_facts(near_, "a"), core::UsageError);
}

TEST_F(LinkTest, NoSuchInterfaceIsAUsageErrorEverywhere)
{
    for (const std::string name : {"", "nothing", "a-name-too-long-for-the-kernel"}) {
        EXPECT_THROW((void)link_facts(near_, name), core::UsageError) << name;
        EXPECT_THROW(set_link_up(near_, name), core::UsageError) << name;
        EXPECT_THROW(delete_link(near_, name), core::UsageError) << name;
        EXPECT_THROW(add_address(near_, name, kNearIp, kPrefixLength), core::UsageError) << name;
        EXPECT_THROW((void)first_address(near_, name), core::UsageError) << name;
        EXPECT_THROW(add_static_neighbour(near_, name, kFarIp, {}), core::UsageError) << name;
        EXPECT_THROW((void)find_neighbour(near_, name, kFarIp), core::UsageError) << name;
        EXPECT_THROW((void)next_hop(near_, name, kFarIp), core::UsageError) << name;
    }
}

TEST_F(LinkTest, ErrorsKeepTheKernelsErrno)
{
    add_address(near_, kNearName, kNearIp, kPrefixLength);
    try {
        add_address(near_, kNearName, kNearIp, kPrefixLength);
        FAIL() << "the address was there before";
    } catch (const core::SystemError& error) {
        EXPECT_EQ(error.code().value(), EEXIST);
        EXPECT_THAT(error.what(), HasSubstr("add address 198.18.0.1/24 to pwnear"));
    }
    EXPECT_THROW(add_address(near_, kNearName, kFarIp, 33), core::SystemError);
}

TEST_F(LinkTest, FirstAddressIsThePrimaryOne)
{
    EXPECT_EQ(first_address(near_, kNearName), std::nullopt);
    add_address(near_, kNearName, kNearIp, kPrefixLength);
    add_address(near_, kNearName, kFarIp, kPrefixLength);
    EXPECT_EQ(first_address(near_, kNearName), kNearIp);
    EXPECT_EQ(first_address(near_, "lo"), std::nullopt);
}

TEST_F(LinkTest, NeighboursAreFoundAndReplaced)
{
    set_link_up(near_, kNearName);
    const core::MacAddress mac{2, 0, 0, 0, 0, 1};
    const core::MacAddress other_mac{2, 0, 0, 0, 0, 2};
    EXPECT_EQ(find_neighbour(near_, kNearName, kFarIp), std::nullopt);
    add_static_neighbour(near_, kNearName, kFarIp, mac);
    EXPECT_EQ(find_neighbour(near_, kNearName, kFarIp), mac);
    EXPECT_EQ(find_neighbour(near_, kNearName, kNearIp), std::nullopt);
    EXPECT_EQ(find_neighbour(near_, "lo", kFarIp), std::nullopt);
    add_static_neighbour(near_, kNearName, kFarIp, other_mac);
    EXPECT_EQ(find_neighbour(near_, kNearName, kFarIp), other_mac);
}

TEST_F(LinkTest, UnansweredNeighbourIsNotFound)
{
    add_address(near_, kNearName, kNearIp, kPrefixLength);
    set_link_up(near_, kNearName);
    run_inside(near_, "ip neigh add 198.18.0.2 dev pwnear nud incomplete");
    EXPECT_EQ(find_neighbour(near_, kNearName, kFarIp), std::nullopt);
}

TEST_F(LinkTest, NextHopFollowsTheRoute)
{
    const std::uint32_t beyond = ::inet_addr("203.0.113.9");
    connect();
    EXPECT_EQ(next_hop(near_, kNearName, kFarIp), kFarIp) << "on the link";
    EXPECT_EQ(next_hop(near_, kNearName, kNearIp), std::nullopt) << "to itself, by lo";
    EXPECT_THAT(thrown_by<core::SystemError>([&] { (void)next_hop(near_, kNearName, beyond); }),
                HasSubstr("find the route to 203.0.113.9 from pwnear: Network is unreachable"));

    run_inside(near_, "ip route add 203.0.113.0/24 via 198.18.0.2");
    EXPECT_EQ(next_hop(near_, kNearName, beyond), kFarIp) << "by its gateway";

    create_veth_pair(near_, far_, {.near_name = "other0", .far_name = "other1"});
    set_link_up(near_, "other0");
    run_inside(near_, "ip route add 203.0.113.9/32 dev other0");
    EXPECT_EQ(next_hop(near_, kNearName, beyond), std::nullopt) << "by another interface";
    EXPECT_EQ(next_hop(near_, "other0", beyond), beyond);
}

TEST_F(LinkTest, GatewayOfAnotherFamilyIsRefused)
{
    connect();
    run_inside(near_, "ip -6 addr add fc00::1/64 dev pwnear nodad");
    run_inside(near_, "ip route add 203.0.113.0/24 via inet6 fc00::2");
    EXPECT_THAT(thrown_by<core::SystemError>(
                    [&] { (void)next_hop(near_, kNearName, ::inet_addr("203.0.113.9")); }),
                HasSubstr("its gateway is not IPv4"));
}

core::UniqueFd udp_socket(const NetNamespace& netns)
{
    const NetNamespace::Visit visit(netns);
    return core::UniqueFd(core::checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
}

TEST_F(LinkTest, DatagramCrossesWithoutArp)
{
    connect();
    const core::UniqueFd receiver = udp_socket(far_);
    const core::UniqueFd sender = udp_socket(near_);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(4791);
    to.sin_addr.s_addr = kFarIp;
    const auto* address = reinterpret_cast<const sockaddr*>(&to);
    core::checked(::bind(receiver.get(), address, sizeof(to)), "bind");

    constexpr std::string_view text = "from disk to NIC";
    ASSERT_EQ(::sendto(sender.get(), text.data(), text.size(), 0, address, sizeof(to)),
              static_cast<ssize_t>(text.size()));
    pollfd ready{.fd = receiver.get(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&ready, 1, 10'000), 1) << "nothing arrived";
    std::string received(64, '\0');
    const ssize_t length =
        core::checked(::recv(receiver.get(), received.data(), received.size(), 0), "recv");
    EXPECT_EQ(received.substr(0, static_cast<std::size_t>(length)), text);

    EXPECT_EQ(frames_sent(near_, kNearName), 1U) << "the datagram and nothing else";
    EXPECT_EQ(frames_sent(far_, kFarName), 0U);
}

} // namespace
} // namespace pagewire::nic
