// SPDX-License-Identifier: BSD-3-Clause
#include "nic/pci_binding.hpp"

#include "core/error.hpp"
#include "nic/pci_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <utility>

namespace pagewire::nic {

namespace {

namespace fs = std::filesystem;

constexpr const char* kVfioPci = "vfio-pci";

bool is_up(const std::string& interface, const fs::path& sysfs)
{
    unsigned flags = 0;
    std::ifstream file(sysfs / "class/net" / interface / "flags");
    file >> std::hex >> flags;
    return (flags & IFF_UP) != 0;
}

/// What `device` was before, by its journal entry's only line.
std::string journalled_driver(const fs::path& entry)
{
    std::string driver;
    std::ifstream file(entry);
    std::getline(file, driver);
    return driver;
}

void give_back(const std::string& address, const std::string& driver, const PciPlaces& places)
{
    const fs::path device = places.sysfs / "bus/pci/devices" / address;
    const auto found = find_pci_device(address, places.sysfs);
    if (!found)
        return; // unplugged
    places.write(device / "driver_override", "\n");
    if (found->driver == kVfioPci)
        places.write(device / "driver/unbind", address);
    if (!driver.empty() && found->driver != driver)
        places.write(places.sysfs / "bus/pci/drivers_probe", address);
    const auto now = find_pci_device(address, places.sysfs);
    if (now && now->driver != driver) {
        throw core::UsageError(fmt::format(
            "{} is not {}'s again but {}: {}", address, driver.empty() ? "nobody" : driver,
            now->driver.empty() ? "nobody's" : now->driver, give_back_commands(*now)));
    }
}

/// Another process's lock on it fails with EWOULDBLOCK: no entry.
core::UniqueFd lock_entry(const fs::path& path, int flags)
{
    core::UniqueFd entry(::open(path.c_str(), O_RDWR | O_CLOEXEC | flags, 0600));
    if (!entry)
        core::throw_errno("open", path.string());
    if (::flock(entry.get(), LOCK_EX | LOCK_NB) == 0)
        return entry;
    if (errno != EWOULDBLOCK)
        core::throw_errno("flock", path.string());
    return {};
}

} // namespace

void PciPlaces::write_word(const fs::path& path, const std::string& word)
{
    const core::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file)
        core::throw_errno("open", path.string());
    core::checked(::write(file.get(), word.data(), word.size()), "write", path.string());
}

PciBinding::PciBinding(std::string address, PciPlaces places)
    : address_(std::move(address)),
      places_(std::move(places))
{
    const auto device = find_pci_device(address_, places_.sysfs);
    if (!device)
        throw core::UsageError(fmt::format("no PCI device {}: see lspci -D", address_));
    if (is_userspace_driver(device->driver))
        return;
    if (const std::string why = vfio_obstacle(*device, places_.sysfs); !why.empty())
        throw core::UsageError(why);
    for (const std::string& interface : device->interfaces) {
        if (is_up(interface, places_.sysfs)) {
            throw core::UsageError(
                fmt::format("{} is in use: {} is up. Take it down first: ip link "
                            "set {} down",
                            address_, interface, interface));
        }
    }
    fs::create_directories(places_.journal);
    const fs::path entry = places_.journal / address_;
    entry_ = lock_entry(entry, O_CREAT);
    if (!entry_)
        throw core::UsageError(fmt::format("{} is bound by another pagewire", address_));
    const std::string line = device->driver + "\n";
    core::checked(::write(entry_.get(), line.data(), line.size()), "write", entry.string());
    core::checked(::fsync(entry_.get()), "fsync", entry.string()); // before any change
    try {
        const fs::path folder = places_.sysfs / "bus/pci/devices" / address_;
        places_.write(folder / "driver_override", kVfioPci);
        if (!device->driver.empty())
            places_.write(folder / "driver/unbind", address_);
        places_.write(places_.sysfs / "bus/pci/drivers_probe", address_);
        const auto now = find_pci_device(address_, places_.sysfs);
        if (!now || now->driver != kVfioPci) {
            throw core::UsageError(
                fmt::format("the kernel did not give {} to vfio-pci: see dmesg", address_));
        }
    } catch (...) {
        const auto failure = std::current_exception();
        (void)restore(device->driver);
        std::rethrow_exception(failure);
    }
}

PciBinding::~PciBinding()
{
    if (entry_)
        (void)restore(journalled_driver(places_.journal / address_));
}

std::string PciBinding::restore(const std::string& driver) noexcept
{
    try {
        give_back(address_, driver, places_);
        fs::remove(places_.journal / address_);
        entry_ = {};
        return {};
    } catch (const std::exception& error) {
        return error.what(); // the entry stays, and the next start tries again and tells
    }
}

std::vector<std::string> restore_pci_bindings(const PciPlaces& places) noexcept
{
    std::vector<std::string> lines;
    std::error_code none;
    for (const auto& file : fs::directory_iterator(places.journal, none)) {
        const std::string address = file.path().filename().string();
        try {
            const core::UniqueFd entry = lock_entry(file.path(), 0);
            if (!entry)
                continue; // its process lives
            const std::string driver = journalled_driver(file.path());
            give_back(address, driver, places);
            fs::remove(file.path());
            lines.push_back(fmt::format("{} is {}'s again: a run that had bound it was killed",
                                        address, driver.empty() ? "nobody" : driver));
        } catch (const std::exception& error) {
            lines.push_back(error.what());
        }
    }
    return lines;
}

} // namespace pagewire::nic
