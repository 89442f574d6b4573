// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/xdp_choice.hpp"

#include "core/error.hpp"
#include "nic/netdev_uapi.hpp"
#include "tests/support/thrown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace pagewire::dataplane {
namespace {

using core::BindMode;
using core::PacketLayout;
using ::testing::HasSubstr;

nic::XdpDevice device(const char* driver, std::uint32_t zc_segments_max = 0)
{
    nic::XdpDevice result;
    result.driver = driver;
    result.num_rx_queues = 4;
    result.num_tx_queues = 4;
    result.has_features = true;
    result.zc_segments_max = zc_segments_max;
    result.xdp_features = zc_segments_max > 0 ? nic::uapi::NETDEV_XDP_ACT_XSK_ZEROCOPY : 0;
    result.up = true;
    return result;
}

core::DataplaneJob job(PacketLayout layout, BindMode bind)
{
    core::DataplaneJob result;
    result.layout = layout;
    result.bind = bind;
    return result;
}

XdpPath path(const nic::XdpDevice& device, std::uint32_t mtu = 9000,
             bool kernel_has_segments = true)
{
    return {.device = device,
            .interface = "eth0",
            .mtu = mtu,
            .direct_io_bytes = 512,
            .kernel_has_segments = kernel_has_segments};
}

TEST(XdpChoice, TheDeviceDecidesWhatIsLeftOpen)
{
    struct Case {
        const char* name;
        nic::XdpDevice device;
        BindMode bind;
        bool kernel_has_segments;
        PacketLayout layout;
    };

    for (const Case& c : std::vector<Case>{
             {"veth", device("veth"), BindMode::kAuto, true, PacketLayout::kSegments},
             {"old kernel", device("veth"), BindMode::kAuto, false, PacketLayout::kHeadroom},
             {"zero-copy, eight", device("ice", 8), BindMode::kAuto, true, PacketLayout::kSegments},
             {"zero-copy, one", device("igb", 1), BindMode::kAuto, true, PacketLayout::kHeadroom},
             {"zero-copy, unwanted", device("igb", 1), BindMode::kCopy, true,
              PacketLayout::kSegments},
             {"zero-copy, wanted", device("mlx5_core", 1), BindMode::kZerocopy, true,
              PacketLayout::kHeadroom}}) {
        const auto settled = settle_xdp_job(job(PacketLayout::kAuto, c.bind),
                                            path(c.device, 9000, c.kernel_has_segments));
        EXPECT_EQ(settled.layout, c.layout) << c.name;
        EXPECT_EQ(settled.segments_max, c.device.zc_segments_max) << c.name;
        EXPECT_EQ(settled.bind, c.bind) << c.name;
    }
}

TEST(XdpChoice, ACopyingDeviceGetsOneDescriptorWhereASlotHoldsMostOfThePacket)
{
    const auto chosen = [](const XdpPath& path, bool protect_payload = false) {
        auto any = job(PacketLayout::kAuto, BindMode::kAuto);
        any.protect_payload = protect_payload;
        return settle_xdp_job(any, path).layout;
    };
    const auto at = [](std::uint32_t mtu) { return path(device("veth"), mtu); };
    EXPECT_EQ(chosen(at(1500)), PacketLayout::kSegments) << "1024 of 1448";
    EXPECT_EQ(chosen(at(1588)), PacketLayout::kSegments) << "1536 of 1536, in pieces too short";
    EXPECT_EQ(chosen(at(2100)), PacketLayout::kHeadroom) << "2048 of 2048";
    EXPECT_EQ(chosen(at(3498)), PacketLayout::kHeadroom) << "3072 of 3446";
    EXPECT_EQ(chosen(at(9000)), PacketLayout::kSegments) << "3584 of 8948";
    EXPECT_EQ(chosen(at(68)), PacketLayout::kSegments) << "no room for a slot";

    EXPECT_EQ(chosen(at(3498), true), PacketLayout::kSegments)
        << "headers would lie in protected pages";
    XdpPath large_sectors = at(3498);
    large_sectors.direct_io_bytes = 4096;
    EXPECT_EQ(chosen(large_sectors), PacketLayout::kSegments) << "no slot of whole sectors";
    XdpPath attaching = at(3498);
    attaching.device.skb_no_linear = true;
    EXPECT_EQ(chosen(attaching), PacketLayout::kSegments) << "pages are attached, not copied";
}

TEST(XdpChoice, WhatIsToldIsDone)
{
    for (const auto layout : {PacketLayout::kSegments, PacketLayout::kHeadroom}) {
        EXPECT_EQ(settle_xdp_job(job(layout, BindMode::kAuto), path(device("veth"))).layout,
                  layout);
    }
}

TEST(XdpChoice, WhatCannotBeIsRefusedWithTheReason)
{
    const auto refused = [](const core::DataplaneJob& job, const nic::XdpDevice& device,
                            bool kernel_has_segments = true) {
        return tests::thrown<core::TransferError>(
            [&] { (void)settle_xdp_job(job, path(device, 9000, kernel_has_segments)); });
    };
    const auto any = job(PacketLayout::kAuto, BindMode::kAuto);
    nic::XdpDevice down = device("veth");
    down.up = false;
    EXPECT_THAT(refused(any, down), HasSubstr("eth0 is down: ip link set eth0 up"));

    auto fifth = any;
    fifth.queue = 4;
    EXPECT_THAT(refused(fifth, device("veth")),
                HasSubstr("eth0 has 4 transmit queues, counted from 0: there is no queue 4"));

    nic::XdpDevice early = device("virtio_net", 1);
    early.napi_tx = false;
    EXPECT_THAT(refused(any, early), HasSubstr("napi_tx=N"));
    early.napi_tx = true;
    EXPECT_NO_THROW((void)settle_xdp_job(any, path(early)));

    EXPECT_THAT(refused(job(PacketLayout::kAuto, BindMode::kZerocopy), device("veth")),
                HasSubstr("eth0 (veth) has no AF_XDP zero-copy"));
    EXPECT_THAT(refused(job(PacketLayout::kSegments, BindMode::kZerocopy), device("igb", 1)),
                HasSubstr("takes one segment a packet in zero-copy"));
    EXPECT_THAT(refused(job(PacketLayout::kSegments, BindMode::kAuto), device("veth"), false),
                HasSubstr("Linux 6.6"));
}

} // namespace
} // namespace pagewire::dataplane
