// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/lab.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/capability.h>

#include <cctype>
#include <memory>
#include <utility>

namespace pagewire::testbed {

std::unique_ptr<Lab> open_lab(const Plan& plan)
{
    switch (plan.lab) {
    case LabKind::kVeth:
        return open_veth_lab(plan);
    case LabKind::kVm:
        return open_vm_lab(plan);
    case LabKind::kHost:
        return open_host_lab(plan);
    }
    throw core::UsageError("the plan names no lab");
}

LabCpus choose_cpus()
{
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    core::checked(::sched_getaffinity(0, sizeof(allowed), &allowed), "sched_getaffinity");
    std::vector<int> cpus;
    for (int cpu = CPU_SETSIZE; cpu-- > 0;) {
        if (CPU_ISSET(static_cast<std::size_t>(cpu), &allowed))
            cpus.push_back(cpu);
    }
    const int sink = cpus.back();
    if (cpus.size() > 1)
        cpus.pop_back();
    return {.workers = std::move(cpus), .sink = sink};
}

void require_capabilities(std::initializer_list<const char*> names, const std::string& why)
{
    struct Free {
        void operator()(cap_t caps) const noexcept { ::cap_free(caps); }
    };

    const std::unique_ptr<std::remove_pointer_t<cap_t>, Free> caps(::cap_get_proc());
    if (!caps)
        core::throw_errno("cap_get_proc");
    for (const char* name : names) {
        cap_value_t capability = 0;
        core::checked(::cap_from_name(name, &capability), "cap_from_name", name);
        cap_flag_value_t state = CAP_CLEAR;
        core::checked(::cap_get_flag(caps.get(), capability, CAP_EFFECTIVE, &state), "cap_get_flag",
                      name);
        if (state != CAP_SET) {
            std::string upper = name;
            for (char& letter : upper)
                letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
            throw core::UsageError(fmt::format(
                "missing capability {}: {}: run as root (sudo pagewire ...)", upper, why));
        }
    }
}

} // namespace pagewire::testbed
