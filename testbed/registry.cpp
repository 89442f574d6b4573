// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/registry.hpp"

#include "core/error.hpp"
#include "testbed/registry_tables.hpp" // generated

#include <fmt/format.h>

#include <algorithm>

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

const core::Receiver& receiver_for(core::Wire wire)
{
    for (const core::Receiver* receiver : kReceiverTable) {
        if (receiver->wire == wire)
            return *receiver;
    }
    throw core::UsageError(
        fmt::format("this build has no receiver for the {} wire", core::wire_name(wire)));
}

} // namespace pagewire::testbed
