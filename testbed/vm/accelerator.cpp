// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/accelerator.hpp"

#include "core/system_root.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace pagewire::testbed::vm {

bool cpu_can_virtualise(std::string_view cpuinfo)
{
    const auto flags = core::value_of(cpuinfo, "flags");
    if (!flags)
        return false;
    std::istringstream words(*flags);
    for (std::string word; words >> word;) {
        if (word == "vmx" || word == "svm")
            return true;
    }
    return false;
}

Accelerator choose_accelerator(const Cache& cache, std::string_view cpuinfo,
                               const std::function<bool()>& boots)
{
    if (!cpu_can_virtualise(cpuinfo) || ::access("/dev/kvm", R_OK | W_OK) != 0)
        return Accelerator::kEmulation;
    const std::string boot = core::read_text("/proc/sys/kernel/random/boot_id").value_or("");
    const std::filesystem::path file = cache.folder() / "kvm";
    const std::string yes = fmt::format("{} boots", boot);
    const std::string no = fmt::format("{} does not boot", boot);
    std::string known = core::read_text(file).value_or("");
    if (known != yes && known != no) {
        known = boots() ? yes : no;
        std::ofstream(file) << known << '\n';
    }
    return known == yes ? Accelerator::kKvm : Accelerator::kEmulation;
}

} // namespace pagewire::testbed::vm
