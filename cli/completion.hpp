// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <CLI/App.hpp>

#include <functional>
#include <string>
#include <vector>

/// What could stand at the cursor, read from the options that the program parses by: a new option
/// completes as soon as it exists. Values are known by the option's type name, as --help shows it.
namespace pagewire::cli {

/// Values that no type name spells out: "METHOD" -> the names of methods.
struct ValueNames {
    std::string type;
    std::function<std::vector<std::string>()> names;
};

/// `words` are those after the program's name up to the cursor, as bash splits them (also at '=',
/// ':' and '@'); the last is what is being written, empty after a space.
///
/// Returns what begins as it does, sorted, and before it lines for the shell: ":files SUFFIX" (any
/// file where SUFFIX is empty), ":folders", ":nospace" (more may follow without a space).
[[nodiscard]] std::vector<std::string> complete(const CLI::App& program,
                                                const std::vector<ValueNames>& value_names,
                                                const std::vector<std::string>& words);

} // namespace pagewire::cli
