// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <filesystem>
#include <string>
#include <vector>

/// The plans that come with the program, by name: `pagewire run quick`.
namespace pagewire::testbed {

/// Where they are: PREFIX/share/pagewire/configs of the PREFIX that this executable runs from, so
/// that an installed tree may be moved. Of a build folder there is none, and the folder is missing.
[[nodiscard]] std::filesystem::path plan_folder();

/// Names in that folder, without ".toml", sorted; empty where there is no such folder.
[[nodiscard]] std::vector<std::string> shipped_plans(const std::filesystem::path& folder);

/// The file that the word names: the word itself where it is one, or has a '/' or ends in
/// ".toml"; else the plan of that name in `folder`. Throws core::UsageError that lists the names.
[[nodiscard]] std::string find_plan(const std::string& word, const std::filesystem::path& folder);

} // namespace pagewire::testbed
