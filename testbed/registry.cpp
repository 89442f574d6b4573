// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/registry.hpp"

#include "core/error.hpp"
#include "testbed/registry_tables.hpp" // generated

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace pagewire::testbed {

std::span<const core::Method* const> methods()
{
    return kMethodTable;
}

std::span<const core::Receiver* const> receivers()
{
    return kReceiverTable;
}

std::span<const NotBuilt> not_built()
{
    return kNotBuiltTable;
}

const core::Method* find_method(std::string_view name)
{
    const auto* it =
        std::find_if(kMethodTable.begin(), kMethodTable.end(),
                     [name](const core::Method* method) { return method->name == name; });
    return it == kMethodTable.end() ? nullptr : *it;
}

std::span<const NotBuilt> receivers_not_built()
{
    return kReceiverNotBuiltTable;
}

const core::Receiver& receiver_for(core::Wire wire, std::string_view name)
{
    std::vector<std::string_view> names;
    for (const core::Receiver* receiver : kReceiverTable) {
        if (receiver->wire != wire)
            continue;
        if (receiver->name == name)
            return *receiver;
        names.push_back(receiver->name);
    }
    for (const NotBuilt& missing : kReceiverNotBuiltTable) {
        if (missing.name == name)
            throw core::UsageError(
                fmt::format("the receiver {} is not built: {}", missing.name, missing.reason));
    }
    throw core::UsageError(fmt::format("this build has no receiver {:?} for the {} wire: it has {}",
                                       name, core::wire_name(wire), fmt::join(names, ", ")));
}

} // namespace pagewire::testbed
