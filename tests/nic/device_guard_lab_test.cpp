// SPDX-License-Identifier: BSD-3-Clause

/// The guard of a device against the real kernel, on a veth pair. Needs root, and fails without.

#include "core/error.hpp"
#include "nic/device_guard.hpp"
#include "tests/nic/veth_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/net_tstamp.h>

#include <vector>

namespace pagewire::nic {
namespace {

using testing::HasSubstr;
using testing::Not;

// RFC 5180 §8: addresses for benchmarks.
const auto kIpv6 = std::get<Ipv6Address>(*parse_ip("2001:2::1"));
const InterfaceAddress kIpv4Prefix{.address = kNearIp, .prefix_length = kPrefixLength};
const InterfaceAddress kIpv6Prefix{.address = kIpv6, .prefix_length = 64};

class DeviceGuardTest : public VethTest {
  protected:
    DeviceGuardTest() { connect(); }

    std::string rename_near(const std::string& name)
    {
        run_inside(near_, "ip link set " + kNearName + " down && ip link set " + kNearName +
                              " name " + name + " && ip link set " + name + " up");
        return name;
    }
};

TEST_F(DeviceGuardTest, BringsEverythingBack)
{
    const DeviceState before = read_device_state(near_, kNearName);
    const auto addresses_before = addresses(near_, kNearName);
    {
        DeviceGuard guard(near_, kNearName);
        guard.set_mtu(4000);
        guard.set_mtu(5000);
        guard.apply({{"tx-scatter-gather", false}});
        guard.add_address(::inet_addr("198.18.7.1"), 24);
        guard.add_address(kIpv6, 64);
        guard.set_down();
        const DeviceState changed = read_device_state(near_, kNearName);
        EXPECT_EQ(changed.mtu, 5000U);
        EXPECT_FALSE(changed.up);
        EXPECT_FALSE(changed.features.at("tx-scatter-gather").active);
    }
    EXPECT_EQ(read_device_state(near_, kNearName), before);
    EXPECT_EQ(addresses(near_, kNearName), addresses_before);
}

TEST_F(DeviceGuardTest, RestoreCanBeAskedForAndTheGuardUsedOn)
{
    const DeviceState before = read_device_state(near_, kNearName);
    DeviceGuard guard(near_, kNearName);
    guard.set_mtu(4000);
    guard.apply({{"rx-gro", true}});
    guard.restore();
    EXPECT_EQ(read_device_state(near_, kNearName), before);
    guard.set_mtu(3000);
    EXPECT_EQ(link_facts(near_, kNearName).mtu, 3000U);
    guard.restore();
    EXPECT_EQ(read_device_state(near_, kNearName), before);
}

TEST_F(DeviceGuardTest, WhatItDidNotChangeIsLeftAsOthersChangedIt)
{
    {
        DeviceGuard guard(near_, kNearName);
        guard.add_address(kIpv6, 64);
        set_mtu(near_, kNearName, 4000);
        set_features(near_, kNearName, {{"rx-gro", true}});
    }
    EXPECT_EQ(link_facts(near_, kNearName).mtu, 4000U);
    EXPECT_TRUE(read_features(near_, kNearName).at("rx-gro").active);
    EXPECT_THAT(addresses(near_, kNearName), testing::ElementsAre(kIpv4Prefix));
}

TEST_F(DeviceGuardTest, AnIpv6AddressCanBeUsedAtOnce)
{
    DeviceGuard guard(near_, kNearName);
    guard.add_address(kIpv6, 64);
    EXPECT_THAT(addresses(near_, kNearName), testing::Contains(kIpv6Prefix));
    run_inside(near_, "ip -6 address show dev " + kNearName + " | grep -q 2001:2::1/64");
    run_inside(near_, "! ip -6 address show dev " + kNearName + " | grep -q tentative");
}

TEST_F(DeviceGuardTest, AnAddressThatWasThereIsNeitherAddedNorTakenAway)
{
    {
        DeviceGuard guard(near_, kNearName);
        EXPECT_THAT(thrown_by<core::UsageError>([&] { guard.add_address(kNearIp, kPrefixLength); }),
                    HasSubstr("has the address 198.18.0.1 already"));
        EXPECT_THAT(thrown_by<core::UsageError>([&] { guard.add_address(kIpv6, 129); }),
                    HasSubstr("2001:2::1/129 is no address"));
    }
    EXPECT_THAT(addresses(near_, kNearName), testing::ElementsAre(kIpv4Prefix));
}

TEST_F(DeviceGuardTest, AnAddressThatAnotherTookAwayIsNoFailure)
{
    DeviceGuard guard(near_, kNearName);
    guard.add_address(kIpv6, 64);
    delete_address(near_, kNearName, kIpv6, 64);
    EXPECT_NO_THROW(guard.restore());
}

TEST_F(DeviceGuardTest, ARenamedDeviceIsFoundAgain)
{
    const DeviceState before = read_device_state(near_, kNearName);
    std::string renamed;
    {
        DeviceGuard guard(near_, kNearName);
        guard.set_mtu(4000);
        guard.apply({{"tx-scatter-gather", false}});
        renamed = rename_near("pwother");
    }
    EXPECT_EQ(read_device_state(near_, renamed), before);
}

TEST_F(DeviceGuardTest, ADeviceThatIsGoneIsNoFailure)
{
    testing::internal::CaptureStderr();
    {
        DeviceGuard guard(near_, kNearName);
        guard.set_mtu(4000);
        delete_link(near_, kNearName);
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(DeviceGuardTest, AnotherDeviceWithTheSameIndexIsNotTouched)
{
    const auto index = std::to_string(link_facts(near_, kNearName).index);
    {
        DeviceGuard guard(near_, kNearName);
        guard.set_mtu(4000);
        delete_link(near_, kNearName);
        run_inside(near_, "ip link add " + kNearName + " index " + index +
                              " mtu 2000 type veth peer name pwelse");
        ASSERT_EQ(std::to_string(link_facts(near_, kNearName).index), index);
    }
    EXPECT_EQ(link_facts(near_, kNearName).mtu, 2000U);
}

/// What fails is told with the commands for all of it, and what can be restored is.
TEST_F(DeviceGuardTest, AFailureIsOneLineWithTheCommandsThatMendIt)
{
    DeviceState before = read_device_state(near_, kNearName);
    before.mtu = 70000; // above what veth takes
    set_features(near_, kNearName, {{"rx-gro", true}});
    std::vector<DeviceChange> changes{
        {.kind = DeviceChange::Kind::kFeatures, .features = {{"rx-gro", false}}},
        {.kind = DeviceChange::Kind::kMtu},
        {.kind = DeviceChange::Kind::kAddress, .address = kIpv6Prefix}};
    const std::string why =
        thrown_by<core::TransferError>([&] { undo_changes(near_, before, changes); });
    EXPECT_THAT(why, HasSubstr("set MTU 70000 of pwnear"));
    EXPECT_THAT(why, HasSubstr("to mend it: ip link set pwnear mtu 70000"));
    EXPECT_THAT(why, Not(HasSubstr("ethtool")));
    EXPECT_EQ(changes.size(), 1U);
    EXPECT_FALSE(read_features(near_, kNearName).at("rx-gro").active);
}

TEST_F(DeviceGuardTest, RingsAndTimestampingThatTheDeviceLacksAreRefused)
{
    EXPECT_FALSE(read_rings(near_, kNearName));
    EXPECT_FALSE(read_hw_timestamping(near_, kNearName));
    DeviceGuard guard(near_, kNearName);
    EXPECT_THAT(thrown_by<core::UsageError>([&] {
                    guard.set_rings({{"tx", 512}});
                }),
                HasSubstr("pwnear: its driver has no rings"));
    EXPECT_THAT(thrown_by<core::UsageError>([&] {
                    (void)guard.set_hw_timestamping(
                        {.tx_type = HWTSTAMP_TX_ON, .rx_filter = HWTSTAMP_FILTER_ALL});
                }),
                HasSubstr("pwnear: its driver stamps no packets in hardware"));
    EXPECT_THAT(thrown_by<core::UsageError>([&] { (void)read_rings(near_, "pwnone"); }),
                HasSubstr("no interface \"pwnone\""));
    EXPECT_THAT(thrown_by<core::UsageError>([&] { (void)read_hw_timestamping(near_, "pwnone"); }),
                HasSubstr("no interface \"pwnone\""));
}

TEST_F(DeviceGuardTest, AddressesComeAndGo)
{
    add_address(near_, kNearName, kIpv6, 64);
    EXPECT_THAT(addresses(near_, kNearName), testing::ElementsAre(kIpv4Prefix, kIpv6Prefix));
    delete_address(near_, kNearName, kNearIp, kPrefixLength);
    EXPECT_THAT(addresses(near_, kNearName), testing::ElementsAre(kIpv6Prefix));
    delete_address(near_, kNearName, kIpv6Prefix);
    EXPECT_THAT(addresses(near_, kNearName), testing::IsEmpty());
    EXPECT_THAT(thrown_by<core::SystemError>([&] { delete_address(near_, kNearName, kIpv6, 64); }),
                HasSubstr("delete address 2001:2::1/64 of"));
    EXPECT_THAT(thrown_by<core::SystemError>([&] { add_address(near_, kNearName, kIpv6, 129); }),
                HasSubstr("add address 2001:2::1/129 to"));
}

} // namespace
} // namespace pagewire::nic
