// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace pagewire::testbed::vm {

/// A DPDK port's words with the PCI address of a port of the guest in place of its name: "igb2" and
/// "igb2,ARGUMENTS". Whoever drives the device now, and whatever the kernel calls its interface
/// after it came back: the name is the one of the guest's start. Other words are returned as they
/// are.
[[nodiscard]] std::string with_pci_address(const std::string& port);

/// Lets vfio-pci have the device at `address` of a DPDK port's words: loads it. Throws
/// core::UsageError where the device is an end of the lab's link from `interface`.
void prepare_vfio(const std::string& port, const std::string& interface);

} // namespace pagewire::testbed::vm
