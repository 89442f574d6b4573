// SPDX-License-Identifier: BSD-3-Clause
#include "nic/pci_binding.hpp"

#include "core/error.hpp"
#include "nic/pci_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string_view>
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

/// Whose the device was, by its journal entry's only line; nothing where that is not whole: then
/// nothing was changed yet.
std::optional<std::string> journalled_driver(int entry)
{
    std::array<char, 256> octets{};
    const auto count = core::checked(::pread(entry, octets.data(), octets.size(), 0), "pread");
    const std::string_view text(octets.data(), static_cast<std::size_t>(count));
    const auto end = text.find('\n');
    return end == std::string_view::npos ? std::nullopt
                                         : std::optional<std::string>(text.substr(0, end));
}

void write_journal(int entry, const std::string& driver, const fs::path& path)
{
    const std::string line = driver + "\n";
    core::checked(::ftruncate(entry, 0), "ftruncate", path.string());
    core::checked(::pwrite(entry, line.data(), line.size(), 0), "write", path.string());
    core::checked(::fsync(entry), "fsync", path.string()); // before any change
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
    // One that is there is of a device that could not be given back: it is still that driver's.
    const auto earlier = journalled_driver(entry_.get());
    driver_ = earlier.value_or(device->driver);
    if (!earlier)
        write_journal(entry_.get(), driver_, entry);
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
        (void)restore(); // the first failure tells
        std::rethrow_exception(failure);
    }
}

PciBinding::~PciBinding()
{
    if (!entry_)
        return;
    if (const std::string why = restore(); !why.empty())
        fmt::print(stderr, "pagewire: {}\n", why);
}

std::string PciBinding::restore() noexcept
{
    try {
        give_back(address_, driver_, places_);
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
            const auto driver = journalled_driver(entry.get());
            if (driver)
                give_back(address, *driver, places);
            fs::remove(file.path());
            if (!driver)
                continue;
            lines.push_back(fmt::format("{} is {}'s again: a run that had bound it was killed",
                                        address, driver->empty() ? "nobody" : *driver));
        } catch (const core::SystemError& error) {
            if (error.code().value() != EACCES)
                lines.push_back(error.what());
        } catch (const std::exception& error) {
            lines.push_back(error.what());
        }
    }
    return lines;
}

} // namespace pagewire::nic
