// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pagewire::testbed::vm {

/// Files of modules, relative to lib/modules/RELEASE, in an order in which each comes after what it
/// needs: of depmod's modules.dep (depmod(8)), "a.ko: what a needs, the first needed last". Names
/// that it does not have are passed over: such a driver is built into the kernel, or of a device
/// that it does not know.
[[nodiscard]] std::vector<std::string> load_order(std::string_view modules_dep,
                                                  const std::vector<std::string>& names);

/// "kernel/drivers/virtio/virtio_pci.ko.xz" is "virtio_pci"; '-' and '_' are the same in a module's
/// name, and it is the latter here.
[[nodiscard]] std::string module_name(std::string_view file);

} // namespace pagewire::testbed::vm
