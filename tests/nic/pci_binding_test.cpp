// SPDX-License-Identifier: BSD-3-Clause
// PCI devices given to vfio-pci and back, on a sysfs of the test's own that answers as the kernel.
#include "core/error.hpp"
#include "nic/pci_binding.hpp"
#include "nic/pci_device.hpp"
#include "tests/support/in_child.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/thrown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace pagewire::nic {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kAddress = "0000:01:00.0";
constexpr const char* kMate = "0000:01:00.1";

class PciBindingTest : public testing::Test {
  protected:
    PciBindingTest()
    {
        places_.sysfs = fs::path(folder_.path()) / "sys";
        places_.journal = fs::path(folder_.path()) / "journal";
        places_.write = [this](const fs::path& path, const std::string& word) {
            answer(path, word);
        };
        for (const char* driver : {"igb", "vfio-pci"})
            fs::create_directories(places_.sysfs / "bus/pci/drivers" / driver);
        add_device(kAddress, "igb");
        const fs::path net = device() / "net/eth7";
        fs::create_directories(net);
        fs::create_directories(places_.sysfs / "class/net/eth7");
        set_flags("0x1002");
    }

    [[nodiscard]] fs::path device(const char* address = kAddress) const
    {
        return places_.sysfs / "bus/pci/devices" / address;
    }

    void add_device(const char* address, const char* driver)
    {
        const fs::path group = places_.sysfs / "kernel/iommu_groups/9";
        fs::create_directories(device(address));
        fs::create_directories(group / "devices" / address);
        fs::create_symlink(group, device(address) / "iommu_group");
        attach(device(address), driver);
    }

    void attach(const fs::path& folder, const std::string& driver)
    {
        fs::remove(folder / "driver");
        if (!driver.empty())
            fs::create_symlink(places_.sysfs / "bus/pci/drivers" / driver, folder / "driver");
    }

    void set_flags(const char* flags)
    {
        std::ofstream(places_.sysfs / "class/net/eth7/flags") << flags << "\n";
    }

    /// What the kernel does of a write: drivers/pci/pci-driver.c, pci-sysfs.c.
    void answer(const fs::path& path, const std::string& word)
    {
        writes_.push_back(path.filename().string());
        if (path == refused_)
            core::throw_error(EBUSY, "write", path.string());
        if (path.filename() == "driver_override")
            override_ = word == "\n" ? "" : word;
        else if (path.filename() == "unbind")
            attach(path.parent_path().parent_path(), "");
        else if (path.filename() == "drivers_probe" && !probe_fails_)
            attach(device(word.c_str()), override_.empty() ? "igb" : override_);
    }

    [[nodiscard]] std::string driver() const
    {
        return find_pci_device(kAddress, places_.sysfs).value().driver;
    }

    [[nodiscard]] std::string refusal() const
    {
        return tests::thrown<core::UsageError>(
            [this] { const PciBinding binding(kAddress, places_); });
    }

    tests::TempFolder folder_;
    PciPlaces places_;
    std::vector<std::string> writes_;
    std::string override_;
    fs::path refused_;
    bool probe_fails_ = false;
};

TEST_F(PciBindingTest, ADeviceIsShownAsSysfsHasIt)
{
    add_device(kMate, "e1000e");
    const auto found = find_pci_device(kAddress, places_.sysfs);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->driver, "igb");
    EXPECT_THAT(found->interfaces, ElementsAre("eth7"));
    EXPECT_EQ(found->iommu_group, "9");
    EXPECT_THAT(found->group_mates, ElementsAre("0000:01:00.1 (e1000e)"));
    EXPECT_FALSE(find_pci_device("0000:01:00.2", places_.sysfs).has_value());
    EXPECT_FALSE(find_pci_device("../../../etc", places_.sysfs).has_value());
}

TEST_F(PciBindingTest, LendsAndGivesBack)
{
    {
        const PciBinding binding(kAddress, places_);
        EXPECT_EQ(driver(), "vfio-pci");
        EXPECT_TRUE(fs::exists(places_.journal / kAddress));
        EXPECT_THAT(restore_pci_bindings(places_), IsEmpty()); // its process lives
        EXPECT_EQ(driver(), "vfio-pci");
    }
    EXPECT_EQ(driver(), "igb");
    EXPECT_EQ(override_, "");
    EXPECT_FALSE(fs::exists(places_.journal / kAddress));
}

TEST_F(PciBindingTest, ADeviceWithoutDriverHasNoneAgain)
{
    attach(device(), "");
    {
        const PciBinding binding(kAddress, places_);
        EXPECT_EQ(driver(), "vfio-pci");
    }
    EXPECT_EQ(driver(), "");
}

TEST_F(PciBindingTest, WhatIsUserSpacesAlreadyIsLeftAsItIs)
{
    attach(device(), "vfio-pci");
    {
        const PciBinding binding(kAddress, places_);
    }
    EXPECT_EQ(driver(), "vfio-pci");
    EXPECT_THAT(writes_, IsEmpty());
}

TEST_F(PciBindingTest, RefusesWithTheReasonAndChangesNothing)
{
    set_flags("0x1003"); // IFF_UP
    EXPECT_THAT(refusal(), AllOf(HasSubstr("eth7 is up"), HasSubstr("ip link set eth7 down")));
    set_flags("0x1002");
    add_device(kMate, "e1000e");
    EXPECT_THAT(refusal(), AllOf(HasSubstr("group 9"), HasSubstr("0000:01:00.1 (e1000e)")));
    attach(device(kMate), "vfio-pci");
    fs::remove(device() / "iommu_group");
    EXPECT_THAT(refusal(), HasSubstr("behind no IOMMU"));
    fs::remove_all(places_.sysfs / "bus/pci/drivers/vfio-pci");
    EXPECT_THAT(refusal(), HasSubstr("modprobe vfio-pci"));
    fs::remove_all(device());
    EXPECT_EQ(refusal(), "no PCI device 0000:01:00.0: see lspci -D");
    EXPECT_THAT(writes_, IsEmpty());
}

TEST_F(PciBindingTest, ABindingThatFailsHalfWayIsUndone)
{
    probe_fails_ = true;
    EXPECT_THAT(refusal(), HasSubstr("did not give"));
    EXPECT_EQ(override_, "");
    EXPECT_EQ(driver(), ""); // and the journal still knows whose it was
    EXPECT_TRUE(fs::exists(places_.journal / kAddress));
    probe_fails_ = false;
    EXPECT_THAT(restore_pci_bindings(places_), ElementsAre(HasSubstr("is igb's again")));
    EXPECT_EQ(driver(), "igb");
    EXPECT_FALSE(fs::exists(places_.journal / kAddress));
}

TEST_F(PciBindingTest, ASecondTryDoesNotForgetWhoseItWas)
{
    probe_fails_ = true;
    EXPECT_THAT(refusal(), HasSubstr("did not give")); // igb's, and now nobody's
    probe_fails_ = false;
    {
        const PciBinding binding(kAddress, places_);
        EXPECT_EQ(driver(), "vfio-pci");
    }
    EXPECT_EQ(driver(), "igb");
    EXPECT_FALSE(fs::exists(places_.journal / kAddress));
}

TEST_F(PciBindingTest, AnEntryThatIsNotWholeIsOfADeviceThatNobodyTouched)
{
    fs::create_directories(places_.journal);
    std::ofstream(places_.journal / kAddress) << "ig"; // killed before its line was written
    EXPECT_THAT(restore_pci_bindings(places_), IsEmpty());
    EXPECT_THAT(writes_, IsEmpty());
    EXPECT_FALSE(fs::exists(places_.journal / kAddress));
}

TEST_F(PciBindingTest, WhatAKilledProcessHadIsGivenBackByTheNext)
{
    EXPECT_EQ(tests::in_child([this] {
                  const PciBinding binding(kAddress, places_);
                  return ::raise(SIGKILL);
              }),
              -1);
    EXPECT_EQ(driver(), "vfio-pci");
    override_ = "vfio-pci"; // which the child's kernel had
    EXPECT_THAT(restore_pci_bindings(places_),
                ElementsAre(HasSubstr("0000:01:00.0 is igb's again")));
    EXPECT_EQ(driver(), "igb");
    EXPECT_THAT(restore_pci_bindings(places_), IsEmpty());
}

TEST_F(PciBindingTest, AnotherProcesssDeviceIsNotTakenTwice)
{
    const PciBinding binding(kAddress, places_);
    attach(device(), "igb"); // somebody gave it back by hand
    EXPECT_THAT(refusal(), HasSubstr("bound by another pagewire"));
}

TEST_F(PciBindingTest, WhatCannotBeGivenBackIsSaidWithTheCommands)
{
    {
        const PciBinding binding(kAddress, places_);
        refused_ = device() / "driver/unbind";
    }
    EXPECT_EQ(driver(), "vfio-pci");
    EXPECT_THAT(restore_pci_bindings(places_), ElementsAre(HasSubstr("driver/unbind")));
    refused_.clear();
    EXPECT_THAT(restore_pci_bindings(places_), ElementsAre(HasSubstr("is igb's again")));
}

} // namespace
} // namespace pagewire::nic
