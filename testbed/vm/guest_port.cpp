// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/guest_port.hpp"

#include "core/error.hpp"
#include "testbed/vm/lab.hpp"
#include "testbed/vm/program.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace pagewire::testbed::vm {

namespace fs = std::filesystem;

namespace {

/// Links by name to the folders of devices (guest_init.sh).
constexpr const char* kGuestPorts = "/pagewire/ports";

} // namespace

std::string with_pci_address(const std::string& port)
{
    const std::string name = port.substr(0, port.find(','));
    std::error_code error;
    if (name.empty() || name.find('/') != std::string::npos)
        return port;
    const fs::path device = fs::read_symlink(fs::path(kGuestPorts) / name, error);
    return error ? port : device.filename().string() + port.substr(name.size());
}

void prepare_vfio(const std::string& port, const std::string& interface)
{
    const std::string address = port.substr(0, port.find(','));
    const std::string near = interface.empty() ? kDefaultPort : interface;
    for (const std::string& end : {near, partner_of(near)}) {
        if (with_pci_address(end) == address)
            throw core::UsageError(fmt::format(
                "--dpdk-port: {} is an end of the lab's link, whose other packets the kernel's "
                "driver sends: use igb2",
                end));
    }
    (void)output_of({.args = {"/pagewire/bin/modprobe", "vfio-pci"}});
}

} // namespace pagewire::testbed::vm
