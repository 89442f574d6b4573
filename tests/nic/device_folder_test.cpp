// SPDX-License-Identifier: BSD-3-Clause
#include "nic/device_folder.hpp"
#include "tests/support/fake_system.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace pagewire::nic {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kDevice = "sys/bus/pci/devices/0000:03:00.0/";

TEST(DeviceFolder, IsFoundOnWhicheverBus)
{
    tests::FakeSystem system;
    system.file("sys/bus/usb/devices/1-1/irq", "0").file(kDevice + "numa_node", "1");
    const auto device = device_folder(system.root(), "0000:03:00.0");
    ASSERT_TRUE(device.has_value());
    EXPECT_EQ(numa_node_of(device), 1);
    EXPECT_TRUE(device_folder(system.root(), "1-1").has_value());
    for (const char* name : {"", ".", "..", "0000:04:00.0", "../devices/0000:03:00.0"})
        EXPECT_EQ(device_folder(system.root(), name), std::nullopt) << name;
}

TEST(DeviceFolder, NodeOfAMachineWithoutNodesIsNone)
{
    tests::FakeSystem system;
    system.file(kDevice + "numa_node", "-1");
    EXPECT_EQ(numa_node_of(device_folder(system.root(), "0000:03:00.0")), std::nullopt);
    EXPECT_EQ(numa_node_of(std::nullopt), std::nullopt);
}

TEST(DeviceIrqs, MessageSignalledInTheOrderOfNumbers)
{
    tests::FakeSystem system;
    system.file(kDevice + "irq", "11")
        .file(kDevice + "msi_irqs/100", "msix")
        .file(kDevice + "msi_irqs/38", "msix")
        .file("proc/irq/38/smp_affinity_list", "0-3")
        .file("proc/irq/38/effective_affinity_list", "2")
        .file("proc/irq/38/eth0-rx-0/nothing", "")
        .file("proc/irq/100/smp_affinity_list", "1");
    const auto irqs = device_irqs(system.root(), *device_folder(system.root(), "0000:03:00.0"));
    EXPECT_THAT(
        irqs,
        ElementsAre(
            DeviceIrq{
                .number = 38, .handler = "eth0-rx-0", .cpus = {{0, 1, 2, 3}}, .effective = {{2}}},
            DeviceIrq{.number = 100, .handler = "", .cpus = {{1}}, .effective = std::nullopt}));
}

TEST(DeviceIrqs, OneLineWhereThereAreNoMessages)
{
    tests::FakeSystem system;
    system.file(kDevice + "irq", "11").file("proc/irq/11/smp_affinity_list", "0,2");
    const auto irqs = device_irqs(system.root(), *device_folder(system.root(), "0000:03:00.0"));
    ASSERT_EQ(irqs.size(), 1U);
    EXPECT_EQ(irqs.front().number, 11);
    EXPECT_THAT(*irqs.front().cpus, ElementsAre(0, 2));
    system.file(kDevice + "irq", "0");
    EXPECT_THAT(device_irqs(system.root(), *device_folder(system.root(), "0000:03:00.0")),
                IsEmpty())
        << "no interrupt at all";
}

} // namespace
} // namespace pagewire::nic
