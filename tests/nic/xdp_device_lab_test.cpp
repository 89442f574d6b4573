// SPDX-License-Identifier: BSD-3-Clause

/// What the kernel says of a device for AF_XDP, on veth pairs and on what the machine has. Needs
/// root, and fails without.

#include "core/error.hpp"
#include "nic/xdp_device.hpp"
#include "tests/nic/veth_fixture.hpp"

#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>

namespace pagewire::nic {
namespace {

/// Whether the running kernel is of this version or later.
bool kernel_from(int major, int minor)
{
    utsname name{};
    ::uname(&name);
    int has_major = 0;
    int has_minor = 0;
    EXPECT_EQ(std::sscanf(name.release, "%d.%d", &has_major, &has_minor),
              2); // NOLINT(cert-err34-c)
    return std::pair(has_major, has_minor) >= std::pair(major, minor);
}

using XdpDeviceTest = VethTest;

TEST_F(XdpDeviceTest, VethHasWhatItWasMadeWith)
{
    for (const auto& [netns, name] : {std::pair(&near_, kNearName), std::pair(&far_, kFarName)}) {
        const XdpDevice device = probe_xdp_device(*netns, name);
        EXPECT_EQ(device.driver, "veth");
        EXPECT_EQ(device.num_rx_queues, 3U);
        EXPECT_EQ(device.num_tx_queues, 3U);
        EXPECT_EQ(device.numa_node, -1) << "no hardware";
        EXPECT_FALSE(device.skb_no_linear) << "veth copies all of a packet";
        EXPECT_EQ(device.napi_tx, std::nullopt);
        EXPECT_FALSE(device.up);
    }
    set_link_up(near_, kNearName);
    EXPECT_TRUE(probe_xdp_device(near_, kNearName).up);
    EXPECT_FALSE(probe_xdp_device(far_, kFarName).up);
}

TEST_F(XdpDeviceTest, QueuesAreThoseInUse)
{
    run_inside(near_, "ethtool -L pwnear rx 2 tx 1");
    const XdpDevice device = probe_xdp_device(near_, kNearName);
    EXPECT_EQ(device.num_rx_queues, 2U);
    EXPECT_EQ(device.num_tx_queues, 1U);
}

TEST_F(XdpDeviceTest, VethHasXdpAndNoZeroCopy)
{
    const XdpDevice device = probe_xdp_device(near_, kNearName);
    if (!kernel_from(6, 3)) {
        EXPECT_FALSE(device.has_features);
        GTEST_SKIP() << "this kernel has no netdev netlink family (Linux 6.3)";
    }
    EXPECT_TRUE(device.has_features);
    EXPECT_TRUE(device.has_basic());
    EXPECT_TRUE(device.has_redirect());
    EXPECT_TRUE(device.has_rx_sg());
    EXPECT_FALSE(device.has_xsk_zerocopy());
    EXPECT_EQ(device.zc_segments_max, 0U);
    EXPECT_FALSE(device.has_xsk_tx_timestamp());
    EXPECT_FALSE(device.has_xsk_tx_checksum());
}

TEST_F(XdpDeviceTest, DeviceWithoutXdpSaysSo)
{
    const XdpDevice device = probe_xdp_device(near_, "lo");
    EXPECT_FALSE(device.has_basic());
    EXPECT_FALSE(device.has_xsk_zerocopy());
    EXPECT_GE(device.num_tx_queues, 1U) << "without ethtool's channels, as the link says";
}

TEST_F(XdpDeviceTest, NoSuchInterfaceIsAUsageError)
{
    for (const std::string name : {"", "nothing", "a-name-too-long-for-the-kernel"})
        EXPECT_THROW((void)probe_xdp_device(near_, name), core::UsageError) << name;
    EXPECT_THROW((void)probe_xdp_device(near_, kFarName), core::UsageError) << "it is elsewhere";
}

/// Devices of the machine itself, only looked at.
TEST(MachineDeviceTest, VirtioNetTellsHowItCompletes)
{
    const NetNamespace here = NetNamespace::current();
    int num_seen = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/sys/class/net")) {
        const XdpDevice device = probe_xdp_device(here, entry.path().filename());
        if (device.driver != "virtio_net")
            continue;
        ++num_seen;
        EXPECT_TRUE(device.skb_no_linear);
        EXPECT_TRUE(device.napi_tx.has_value());
        EXPECT_GE(device.num_rx_queues, 1U);
    }
    if (num_seen == 0)
        GTEST_SKIP() << "this machine has no virtio_net device";
}

} // namespace
} // namespace pagewire::nic
